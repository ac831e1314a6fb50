// The API's documentation, made of its own description.
const make = (tag, props = {}, ...children) => { const node = Object.assign(document.createElement(tag), props); node.append(...children); return node; };
const api = await (await fetch("/openapi.json")).json();
const schemaOf = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);

function fields(schema) {
  const rows = Object.entries(schema?.properties ?? {}).map(([name, field]) => {
    const kind = field.type ?? (field.anyOf ?? []).map((f) => f.type ?? f.$ref?.split("/").pop()).filter(Boolean).join(" | ");
    return `${name}${(schema.required ?? []).includes(name) ? "*" : ""}  ${kind}  ${field.description ?? field.anyOf?.find((f) => f.description)?.description ?? ""}`;
  });
  return rows.join("\n");
}

for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, route] of Object.entries(methods)) {
    const body = schemaOf(route.requestBody?.content?.["application/json"]?.schema);
    const node = make("details", {}, make("summary", {}, make("span", { className: "verb", textContent: method.toUpperCase() }), make("code", { textContent: path }), ` ${route.summary}`));
    node.append(make("p", { textContent: route.description ?? "" }));
    if (body) {
      node.append(make("pre", { tabIndex: 0, textContent: fields(body) }));
      for (const example of body.examples ?? []) {
        node.append(make("pre", { tabIndex: 0, textContent: `curl ${location.origin}${path} -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(example)}'` }));
      }
    } else if (route.parameters) {
      node.append(make("pre", { tabIndex: 0, textContent: route.parameters.map((p) => `${p.name} (${p.in})  ${p.description ?? ""}`).join("\n") }));
    }
    document.getElementById("routes").append(node);
  }
}
