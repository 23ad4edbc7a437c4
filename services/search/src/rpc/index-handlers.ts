import type { IdentityContext } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import {
  activateModel,
  compareModels,
  dropModel,
  type IndexModelDependencies,
  listIndexModels,
  startReindex,
} from "../index-models.ts";

/** What the handlers need: the models, and the two calls about building all documents anew. */
export type IndexHandlerDependencies = IndexModelDependencies &
  Pick<searchV1.IndexServiceImplementation<IdentityContext>, "startRebuild" | "getRebuild">;

/** gRPC handlers of the index service; only administrators get through to them. */
export function createIndexHandlers({
  startRebuild,
  getRebuild,
  ...models
}: IndexHandlerDependencies): searchV1.IndexServiceImplementation<IdentityContext> {
  return {
    startReindex: async ({ model }) => ({ model: await startReindex(models, model) }),
    listIndexModels: async () => ({ models: await listIndexModels(models) }),
    activateModel: async ({ model }) => ({ model: await activateModel(models, model) }),
    async dropModel({ model }) {
      await dropModel(models, model);
      return {};
    },
    compareModels: (request) => compareModels(models, request),
    startRebuild,
    getRebuild,
  };
}
