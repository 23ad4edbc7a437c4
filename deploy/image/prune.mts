// Removes what cannot run in this image: onnxruntime-node brings its library for every operating system and processor.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const store = "node_modules/.pnpm";
for (const name of readdirSync(store).filter((each) => each.startsWith("onnxruntime-node@"))) {
  const binaries = join(store, name, "node_modules/onnxruntime-node/bin");
  for (const version of readdirSync(binaries)) {
    for (const platform of readdirSync(join(binaries, version))) {
      const folder = join(binaries, version, platform);
      if (platform !== process.platform) rmSync(folder, { recursive: true });
      else
        for (const cpu of readdirSync(folder))
          if (cpu !== process.arch) rmSync(join(folder, cpu), { recursive: true });
    }
  }
}
