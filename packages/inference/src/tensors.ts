import { InputInvalid } from "./errors.ts";
import type { ManifestModel } from "./manifest.ts";
import type { Inputs, PixelInput, TensorInput, TensorOutput } from "./types.ts";

/** Largest tensor accepted, in elements (a 4096 x 4096 RGB picture): bounds what one call can make a worker allocate. */
export const MAX_ELEMENTS = 4096 * 4096 * 3;

/** Number of elements of a tensor with these dims. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Throws InputInvalid unless names, types, dims and data sizes fit the manifest and each other. */
export function assertInputs(model: ManifestModel, inputs: Inputs): void {
  const wanted = Object.keys(model.inputs);
  const given = Object.keys(inputs);
  if (given.length !== wanted.length || !wanted.every((name) => given.includes(name))) {
    throw new InputInvalid(`model "${model.id}" wants inputs ${wanted.join(", ")}; got ${given.join(", ")}`);
  }
  for (const [name, input] of Object.entries(inputs)) {
    const where = `input "${name}" of model "${model.id}"`;
    assertTensor(where, input);
    assertFits(where, model.inputs[name]?.dims ?? [], model.inputs[name]?.type, input);
  }
}

function assertTensor(where: string, input: TensorInput): void {
  const count = elementCount(input.dims);
  const sane = input.dims.every((dim) => Number.isInteger(dim) && dim > 0) && count <= MAX_ELEMENTS;
  if (!sane) throw new InputInvalid(`${where} has dims [${input.dims.join(",")}]`);
  if (input.data.length !== count) {
    throw new InputInvalid(`${where} has ${input.data.length} values for dims [${input.dims.join(",")}]`);
  }
  if (input.type === "pixels" && input.dims[input.layout === "nchw" ? 1 : 3] !== 3) {
    throw new InputInvalid(
      `${where} needs 3 channels in ${input.layout}, not dims [${input.dims.join(",")}]`,
    );
  }
}

function assertFits(
  where: string,
  dims: readonly (number | string)[],
  type: string | undefined,
  input: TensorInput,
): void {
  const given = input.type === "pixels" ? "float32" : input.type;
  const fits =
    dims.length === input.dims.length &&
    dims.every((dim, axis) => typeof dim === "string" || dim === input.dims[axis]);
  if (given === type && fits) return;
  throw new InputInvalid(
    `${where} must be ${type} [${dims.join(",")}], not ${given} [${input.dims.join(",")}]`,
  );
}

/** Text that is equal for two items exactly when they may share a batch (same inputs, dims and preparation). */
export function shapeKey(inputs: Inputs): string {
  return Object.keys(inputs)
    .sort()
    .map((name) => describe(name, inputs[name]))
    .join(";");
}

function describe(name: string, input: TensorInput | undefined): string {
  if (input === undefined) return name;
  const base = `${name}:${input.type}:${input.dims.join("x")}`;
  return input.type === "pixels"
    ? `${base}:${input.layout}:${input.order}:${input.mean.join(",")}:${input.std.join(",")}`
    : base;
}

/** Every input has leading dimension 1, so that items can be stacked along it. */
export function isStackable(inputs: Inputs): boolean {
  return Object.values(inputs).every((input) => input.dims[0] === 1);
}

/** A tensor ready for the runtime. */
export type ReadyTensor =
  | { type: "float32"; dims: number[]; data: Float32Array }
  | { type: "int64"; dims: number[]; data: BigInt64Array };

/** Stacks the same input of several items along the leading dimension, turning pixels into floats on the way. */
export function stackTensors(items: readonly TensorInput[]): ReadyTensor {
  const [first] = items;
  if (first === undefined) throw new InputInvalid("an empty batch");
  const dims = [(first.dims[0] ?? 1) * items.length, ...first.dims.slice(1)];
  const size = elementCount(first.dims);
  if (first.type === "int64") {
    const data = new BigInt64Array(size * items.length);
    items.forEach((item, index) => {
      if (item.type === "int64") data.set(item.data, index * size);
    });
    return { type: "int64", dims, data };
  }
  if (first.type === "float32" && items.length === 1) return first;
  const data = new Float32Array(size * items.length);
  items.forEach((item, index) => {
    if (item.type === "float32") data.set(item.data, index * size);
    if (item.type === "pixels") writePixels(item, data.subarray(index * size, (index + 1) * size));
  });
  return { type: "float32", dims, data };
}

/** Writes `(v - mean) / std` of 8-bit HWC RGB pixels in the wanted layout and channel order. */
export function writePixels(input: PixelInput, target: Float32Array): void {
  const { data, layout, order } = input;
  const values = input.mean.map((mean, channel) => lookup(mean, input.std[channel] ?? 1));
  const pixels = data.length / 3;
  for (let channel = 0; channel < 3; channel++) {
    const table = values[channel] ?? new Float32Array(256);
    const from = order === "rgb" ? channel : 2 - channel;
    const start = layout === "nchw" ? channel * pixels : channel;
    const step = layout === "nchw" ? 1 : 3;
    // The fallbacks never apply (sizes were checked, v is 0..255); they only satisfy the type checker.
    for (let pixel = 0, at = start; pixel < pixels; pixel++, at += step) {
      target[at] = table[data[pixel * 3 + from] ?? 0] ?? 0;
    }
  }
}

function lookup(mean: number, std: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, value) => (value - mean) / std);
}

/** Gives each of `count` items its part of an output whose leading dimension is the batch. */
export function splitOutput(output: TensorOutput, count: number): TensorOutput[] {
  const [lead = 0, ...rest] = output.dims;
  if (lead % count !== 0)
    throw new Error(`an output with leading dimension ${lead} cannot serve ${count} items`);
  const dims = [lead / count, ...rest];
  const size = elementCount(dims);
  // slice, not subarray: each caller gets its own memory, and the runtime's buffer is freed with the batch.
  return Array.from({ length: count }, (_, index) => ({
    dims,
    data: output.data.slice(index * size, (index + 1) * size),
  }));
}
