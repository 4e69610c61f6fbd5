// Makes one call and tells what the browser let the script see of it. Used by the page and by the stranger's page.

export async function perform(base, call, id) {
  try {
    const response = await fetch(`${base}${call.path}?call=${id}`, options(call));
    return {
      readable: response.type !== "opaque",
      status: response.status,
      statusText: response.statusText,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
      error: null,
    };
  } catch (error) {
    return { readable: false, status: null, statusText: "", headers: {}, body: "", error: String(error) };
  }
}

// The script as an author would write it. It is made from the values that perform() uses.
export function source(call) {
  const given = Object.entries(options(call)).filter(([name, value]) => name !== "method" || value !== "GET");
  const target = `fetch(\`\${api}${call.path}\``;
  if (given.length === 0) return `await ${target})`;
  return [`await ${target}, {`, ...given.map((entry) => `  ${property(entry)},`), "})"].join("\n");
}

function options(call) {
  const { method, headers, body, credentials, mode } = call;
  return Object.fromEntries(
    Object.entries({ method, mode, credentials, headers, body }).filter(([, value]) => value !== undefined),
  );
}

function property([name, value]) {
  if (typeof value === "string") return `${name}: ${value.includes('"') ? `'${value}'` : `"${value}"`}`;
  const fields = Object.entries(value).map(([field, text]) => `${/^\w+$/.test(field) ? field : `"${field}"`}: "${text}"`);
  return `${name}: {\n    ${fields.join(",\n    ")},\n  }`;
}
