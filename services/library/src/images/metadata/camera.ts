// What companies append to the name they are known by.
const corporate =
  /[\s,]+(?:corporation|corp|company|co|ltd|limited|inc|gmbh|imaging|electronics|optical|technologies|camera|ag)\b\.?/gi;

/** Make and model as one name, without saying the maker twice: `Canon EOS R5`, `Apple iPhone 15`. Empty when unknown. */
export function cameraName(make: string | undefined, model: string | undefined): string {
  const maker =
    make
      ?.replace(corporate, "")
      .replace(/[\s.,]+$/, "")
      .trim() ?? "";
  if (!model) return maker;
  if (maker === "") return model;
  const [first = ""] = maker.split(/\s/);
  return model.toLowerCase().startsWith(first.toLowerCase()) ? model : `${maker} ${model}`;
}
