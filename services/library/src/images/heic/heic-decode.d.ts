declare module "heic-decode" {
  /** A picture of a HEIF container; nothing is decoded before {@link decode}. */
  interface ContainedImage {
    readonly width: number;
    readonly height: number;
    /** RGBA, 8 bits each, turned and cropped as the container says. */
    decode(): Promise<{ width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> }>;
  }
  type ContainedImages = ContainedImage[] & { dispose(): void };
  /** Opens a container; the primary picture comes first. */
  export function all(input: { buffer: Uint8Array }): Promise<ContainedImages>;
}
