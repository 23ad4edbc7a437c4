import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { faceV1 } from "@ocelli/contracts";
import type { Decisions } from "../decisions.ts";
import type { Merges } from "../merges.ts";
import type { People } from "../people.ts";
import type { PersonExport } from "../person-export.ts";
import type { PersonFaces } from "../person-faces.ts";
import type { PersonSuggestions } from "../person-suggestions.ts";
import { createGroupingHandlers, type GroupingHandlersOptions } from "./grouping-handlers.ts";
import { toMergeMessage, toPersonFaceMessage, toPersonMessage } from "./people-messages.ts";
import { toPeoplePage, toPersonPatch } from "./people-requests.ts";

/** The rules behind the RPCs. */
export interface PeopleHandlersOptions extends GroupingHandlersOptions {
  people: People;
  faces: PersonFaces;
  decisions: Decisions;
  merges: Merges;
  exports: PersonExport;
  suggestions: PersonSuggestions;
}

type Implementation = faceV1.PeopleServiceImplementation<IdentityContext>;

/** PeopleService over the rules. */
export function createPeopleHandlers(options: PeopleHandlersOptions): Implementation {
  return {
    ...createPersonHandlers(options),
    ...createFaceHandlers(options),
    ...createMergeHandlers(options),
    ...createGroupingHandlers(options),
  };
}

type PersonMethods = Pick<
  Implementation,
  | "listPeople"
  | "getPerson"
  | "createPerson"
  | "updatePerson"
  | "deletePerson"
  | "exportPerson"
  | "listPersonPhotos"
>;

function createPersonHandlers({ people, faces, exports }: PeopleHandlersOptions): PersonMethods {
  return {
    async listPeople(request, { identity }) {
      const found = await people.list(requireUser(identity), toPeoplePage(request));
      return { people: found.people.map(toPersonMessage), nextPageToken: found.nextPageToken };
    },
    async getPerson({ personId }, { identity }) {
      return { person: toPersonMessage(await people.get(requireUser(identity), personId)) };
    },
    async createPerson(request, { identity }) {
      return { person: toPersonMessage(await people.create(requireUser(identity), request)) };
    },
    async updatePerson(request, { identity }) {
      const owner = requireUser(identity);
      const { personId, patch } = toPersonPatch(request);
      return { person: toPersonMessage(await people.update(owner, personId, patch)) };
    },
    async deletePerson({ personId, erase }, { identity }) {
      await people.delete(requireUser(identity), personId, erase);
      return {};
    },
    async *exportPerson({ personId }, { identity }) {
      for await (const chunk of exports.export(requireUser(identity), personId)) yield { chunk };
    },
    async listPersonPhotos(request, { identity }) {
      return faces.listPhotos(requireUser(identity), request);
    },
  };
}

type FaceMethods = Pick<
  Implementation,
  "listFaces" | "getFace" | "getFaceCrop" | "assignFaces" | "rejectFace" | "unrejectFace"
>;

function createFaceHandlers({ faces, decisions }: PeopleHandlersOptions): FaceMethods {
  return {
    async listFaces(request, { identity }) {
      const found = await faces.list(requireUser(identity), request);
      return { faces: found.faces.map(toPersonFaceMessage), nextPageToken: found.nextPageToken };
    },
    async getFace({ faceId }, { identity }) {
      return { face: toPersonFaceMessage(await faces.get(requireUser(identity), faceId)) };
    },
    async getFaceCrop({ faceId }, { identity }) {
      return faces.getCrop(requireUser(identity), faceId);
    },
    async assignFaces({ faceIds, personId }, { identity }) {
      const assigned = await decisions.assign(requireUser(identity), faceIds, personId);
      return { faces: assigned.map(toPersonFaceMessage) };
    },
    async rejectFace({ faceId, personId }, { identity }) {
      return {
        face: toPersonFaceMessage(await decisions.reject(requireUser(identity), faceId, personId)),
      };
    },
    async unrejectFace({ faceId, personId }, { identity }) {
      await decisions.unreject(requireUser(identity), faceId, personId);
      return {};
    },
  };
}

type MergeMethods = Pick<
  Implementation,
  "mergePeople" | "undoMerge" | "listMerges" | "listSuggestions" | "answerSuggestion"
>;

function createMergeHandlers({ merges, suggestions }: PeopleHandlersOptions): MergeMethods {
  return {
    async mergePeople({ survivorId, personIds }, { identity }) {
      const { merge, person } = await merges.merge(requireUser(identity), survivorId, personIds);
      return { merge: toMergeMessage(merge), person: toPersonMessage(person) };
    },
    async undoMerge({ mergeId }, { identity }) {
      const { merge, people } = await merges.undo(requireUser(identity), mergeId);
      return { merge: toMergeMessage(merge), people: people.map(toPersonMessage) };
    },
    async listMerges(request, { identity }) {
      const found = await merges.list(requireUser(identity), request);
      return { merges: found.merges.map(toMergeMessage), nextPageToken: found.nextPageToken };
    },
    async listSuggestions(request, { identity }) {
      const found = await suggestions.list(requireUser(identity), request);
      const messages = found.suggestions.map(({ person, other, score }) => ({
        person: toPersonMessage(person),
        other: toPersonMessage(other),
        score,
      }));
      return { suggestions: messages, nextPageToken: found.nextPageToken };
    },
    async answerSuggestion(request, { identity }) {
      const merge = await suggestions.answer(requireUser(identity), request);
      return merge ? { merge: toMergeMessage(merge) } : {};
    },
  };
}
