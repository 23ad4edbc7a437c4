/**
 * Where people reach a gateway of this environment when nobody said so: on this machine, at its port. Auth needs to know
 * before the gateway listens, so with port 0 the default of PUBLIC_URL stays.
 */
export function publicUrlOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (env.PUBLIC_URL?.trim()) return {};
  const port = env.PORT?.trim() ?? "";
  return /^[1-9]\d{0,4}$/.test(port) ? { PUBLIC_URL: `http://localhost:${port}` } : {};
}
