import { AppError } from "@ocelli/chassis";
import { type CompatServiceDefinition, type ServiceImplementation, Status } from "nice-grpc";

/** An implementation whose methods all refuse: tests put those that they need over it. */
export function unimplemented<Service extends CompatServiceDefinition>(
  definition: Service,
): ServiceImplementation<Service> {
  const refuse = () =>
    Promise.reject(
      new AppError({
        code: Status.UNIMPLEMENTED,
        reason: "UNIMPLEMENTED",
        message: "Not part of this test.",
      }),
    );
  const methods = Object.keys(definition.methods).map((name) => [name, refuse]);
  // Every method is there; a promise that rejects ends a streaming call as well as a unary one.
  return Object.fromEntries(methods) as ServiceImplementation<Service>;
}
