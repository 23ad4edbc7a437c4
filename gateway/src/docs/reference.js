// Draws the OpenAPI document of this server. Text is only ever set as text, never as markup.

function element(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children.filter((child) => child !== undefined && child !== ""));
  return node;
}

function resolve(openapi, schema) {
  const name = schema?.$ref?.split("/").at(-1);
  return name ? { name, ...openapi.components.schemas[name] } : (schema ?? {});
}

/** A schema in one line, e.g. `Photo`, `string | null`, `Face[]`. */
function typeName(openapi, schema) {
  const { name, type, items, anyOf, oneOf, format, enum: values } = resolve(openapi, schema);
  if (name) return name;
  if (anyOf ?? oneOf) return (anyOf ?? oneOf).map((each) => typeName(openapi, each)).join(" | ");
  if (values) return values.map((value) => JSON.stringify(value)).join(" | ");
  if (items) return `${typeName(openapi, items)}[]`;
  const types = Array.isArray(type) ? type.join(" | ") : (type ?? "any");
  return format ? `${types} (${format})` : types;
}

function table(headings, rows) {
  const head = element("tr", {}, ...headings.map((text) => element("th", { textContent: text })));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell ?? ""))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

function code(text) {
  return element("code", { textContent: text });
}

function fields(openapi, schema) {
  const { properties = {}, required = [] } = resolve(openapi, schema);
  const rows = Object.entries(properties).map(([name, property]) => [
    code(required.includes(name) ? name : `${name}?`),
    code(typeName(openapi, property)),
    resolve(openapi, property).description,
  ]);
  return rows.length > 0 ? table(["field", "type", ""], rows) : code(typeName(openapi, schema));
}

function contents(openapi, content = {}) {
  return Object.entries(content).flatMap(([mediaType, { schema }]) => [
    element("p", {}, code(mediaType), " ", code(typeName(openapi, schema))),
    fields(openapi, schema),
  ]);
}

function operation(openapi, method, path, details) {
  const parameters = (details.parameters ?? []).map((parameter) => [
    code(parameter.required ? parameter.name : `${parameter.name}?`),
    parameter.in,
    code(typeName(openapi, parameter.schema)),
    parameter.description ?? parameter.schema?.description,
  ]);
  const responses = Object.entries(details.responses).map(([status, { description, content = {} }]) => [
    code(status),
    description,
    code(
      Object.values(content)
        .map(({ schema }) => typeName(openapi, schema))
        .join(", "),
    ),
  ]);
  const heading = element(
    "summary",
    {},
    element("b", { className: method, textContent: method.toUpperCase() }),
    " ",
  );
  heading.append(code(path), ` ${details.summary ?? ""}${details.security ? " 🔒" : ""}`);
  return element(
    "details",
    { id: `${method}${path}` },
    heading,
    details.description ? element("p", { textContent: details.description }) : "",
    parameters.length > 0 ? table(["parameter", "in", "type", ""], parameters) : "",
    details.requestBody ? element("h4", { textContent: "Body" }) : "",
    ...contents(openapi, details.requestBody?.content),
    element("h4", { textContent: "Answers" }),
    table(["status", "", "type"], responses),
  );
}

function draw(openapi) {
  const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, details]) => ({ method, path, details })),
  );
  const sections = openapi.tags.map(({ name, description }) => {
    const own = operations.filter(({ details }) => details.tags?.[0] === name);
    const drawn = own.map(({ method, path, details }) => operation(openapi, method, path, details));
    return element(
      "section",
      { id: name },
      element("h2", { textContent: name }),
      element("p", {}, description),
      ...drawn,
    );
  });
  const schemas = Object.keys(openapi.components.schemas).map((name) =>
    element(
      "details",
      {},
      element("summary", {}, code(name)),
      fields(openapi, openapi.components.schemas[name]),
    ),
  );
  sections.push(element("section", { id: "types" }, element("h2", { textContent: "types" }), ...schemas));
  const links = sections.map(({ id }) => element("a", { href: `#${id}`, textContent: id }));
  document.getElementById("description").textContent = openapi.info.description;
  document.getElementById("contents").replaceChildren(...links);
  document.getElementById("reference").replaceChildren(...sections);
}

try {
  const response = await fetch("/openapi.json");
  draw(await response.json());
} catch (error) {
  document.getElementById("reference").textContent = `The description could not be loaded: ${error.message}`;
}
