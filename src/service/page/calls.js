// The same from a shell: a call by curl for each route, made of the service's own description.

const shellWord = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const examples = { who: "1", name: "Anna", face: 1, faces: [1], image: 1, other: "2", modelName: "buffalo_l" };

// A value that a schema allows, as far as it says so.
function exampleOf(schema, name) {
  if (examples[name] !== undefined) return examples[name];
  if (schema?.enum) return schema.enum[0];
  const type = Array.isArray(schema?.type) ? schema.type[0] : schema?.type;
  if (type === "object") return objectOf(schema);
  return { integer: 1, number: 0.5, boolean: false, array: [] }[type] ?? "...";
}

const objectOf = (schema) =>
  Object.fromEntries(
    Object.entries(schema.properties ?? {})
      .filter(([name]) => !schema.required || schema.required.includes(name))
      .map(([name, one]) => [name, exampleOf(one, name)]),
  );

function bodyWords(operation) {
  const content = operation.requestBody?.content ?? {};
  if (content["application/octet-stream"]) return ["--data-binary", "@photo.jpg"];
  const form = content["multipart/form-data"]?.schema;
  if (form) {
    return Object.entries(form.properties).flatMap(([name, schema]) => {
      if (!(form.required ?? []).includes(name)) return [];
      if (schema.type === "object") return ["-F", `${name}=${JSON.stringify(objectOf(schema))}`];
      return ["-F", `${name}=@${name === "b" ? "other" : "photo"}.jpg`];
    });
  }
  const json = content["application/json"]?.schema;
  if (!json) return [];
  return ["-H", "Content-Type: application/json", "-d", JSON.stringify(objectOf(json))];
}

// On this computer itself a key is needed only where one was asked for.
const needsKey = () => apiKey !== "" || !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

function curlOf(path, operation) {
  const words = ["curl", "--fail-with-body"];
  // The shell fills the variable in, so that no key stands in this page or in a history of commands.
  if (needsKey() && operation.security?.length !== 0) words.push("-H", '"Authorization: Bearer $MIEN_KEY"');
  words.push(...bodyWords(operation).map(shellWord));
  const query = (operation.parameters ?? [])
    .filter((row) => row.required)
    .map((row) => `${row.name}=${exampleOf(row.schema, row.name)}`)
    .join("&");
  words.push(shellWord(location.origin + path + (query ? "?" + query : "")));
  return words.join(" ");
}

function optionsTable(path, parameters) {
  if (!parameters?.length) return null;
  const rows = parameters.map((row) => [
    element("code", {}, row.name),
    row.description,
    element("code", {}, row.schema.enum?.join(", ") ?? [row.schema.type].flat().join(" or ")),
  ]);
  return element(
    "details",
    {},
    element("summary", {}, `Options in the query (${parameters.length})`),
    tableOf(`Options of ${path}`, [["option"], ["does"], ["takes"]], rows),
  );
}

function callPanel(path, method, operation) {
  const line = curlOf(path, operation);
  return element(
    "article",
    { class: "panel" },
    element(
      "div",
      { class: "call-head" },
      element("h2", {}, `${method.toUpperCase()} ${path}`),
      element("span", { class: "quiet" }, operation.summary),
    ),
    element(
      "div",
      { class: "call-line" },
      element("pre", {}, line),
      copyButton(() => line, "Copy", `the call of ${path}`),
    ),
    optionsTable(path, operation.parameters),
  );
}

async function showCalls(place) {
  place.replaceChildren(element("p", { class: "quiet" }, "Reads the description of the service ..."));
  try {
    const { paths } = await description();
    const panels = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== "head" && path !== "/")
        .map(([method, operation]) => callPanel(path, method, operation)),
    );
    place.replaceChildren(...panels);
  } catch (failure) {
    place.replaceChildren(
      element("p", { class: "bad" }, failure.message + "."),
      element("button", { type: "button", onclick: () => showCalls(place) }, "Try again"),
    );
  }
}

view("calls", "Calls", (section) => {
  const place = element("div", { class: "calls" });
  section.replaceChildren(
    element(
      "p",
      {},
      "Everything that this page does, other programs do by these calls. ",
      element("a", { href: "/openapi.json" }, "openapi.json"),
      " describes them for programs. Where a key is needed, put one into the variable ",
      element("code", {}, "MIEN_KEY"),
      ".",
    ),
    place,
  );
  showCalls(place);
});
