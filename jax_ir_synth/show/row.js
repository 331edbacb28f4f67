// One row: its head, its source and arguments, and its IR by dialect, pass and device.

const TITLES = {cpp: "CPU", cuda: "CUDA"};
const HEADER = /^# JAX compiler IR \(backend=(\w+), dialect=(\w+)(?:, target=([\w:+.-]+))?\)\n/;
// The passes in order, with the first word of their headings.
const PASSES = {forward: "Forward", backward: "Backward", vjp: "VJP", jvp: "JVP",
  hessian_vp: "Hessian-vector", vmap: "Vmap"};
// The last choice stays for the next row.
const chosen = {dialect: "", pass: "forward", side: "cpp", wrap: matchMedia("(max-width: 760px)").matches};

/** The sections of an IR column by dialect, as the package's `read_sections` parses them. */
function sectionsOf(text) {
  const parts = text.split(/^(?=# JAX compiler IR \()/m);
  return Object.fromEntries(parts.map((part, number) => {
    // A blank line separates two sections.
    const own = number + 1 < parts.length ? part.slice(0, -1) : part;
    const [header, backend, dialect, target] = own.match(HEADER);
    const [, ...pieces] = own.slice(header.length).split(/^## (\S+)[^\n]*\n/m);
    // A blank line separates two passes.
    const texts = Object.fromEntries(pieces.flatMap((word, place) => place % 2 ? [] :
      [[word, pieces[place + 1].slice(0, place + 2 < pieces.length ? -2 : -1)]]));
    const passes = Object.fromEntries(Object.entries(PASSES)
      .filter(([, word]) => Object.hasOwn(texts, word)).map(([name, word]) => [name, texts[word]]));
    return [dialect, {backend, dialect, target: target || "", passes}];
  }));
}

/** Put a row into the main element. */
function showRow(index) {
  const row = DATA.rows[index];
  const view = DATA.views[index];
  const columns = {};
  for (const name of Object.keys(TITLES)) if (row[name] !== null) columns[name] = sectionsOf(row[name]);
  const dialects = [...new Set(Object.values(columns).flatMap(Object.keys))];
  const main = document.getElementById("row");
  const ir = make("section", {class: "card", id: "ir", "aria-label": "Compiler IR"});
  main.replaceChildren(
    head(row, view, Object.keys(columns).length),
    make("div", {class: "columns"},
      make("div", {class: "left"}, sourceCard(row), argumentsCard(row), factsCard(row)), ir));
  main.scrollTop = 0;
  window.scrollTo(0, 0);
  fillIr(ir, {row, view, columns, dialects});
}

function head(row, view, filled) {
  const devices = filled < 2 ? "one device" : view.differs ? "CPU ≠ CUDA" : "CPU = CUDA";
  const button = (id, label, title, onclick) =>
    make("button", {type: "button", class: "button", id, title, "aria-label": title, onclick}, label);
  const back = button("back", "‹ Rows", "Back to the list", showList);
  back.classList.add("back");
  const actions = make("div", {class: "actions"}, back,
    button("previous", "↑", "The row before", () => step(-1)),
    button("next", "↓", "The next row", () => step(1)),
    button("download", "JSON", "Save the row as a JSON file", () => save(row)));
  return make("div", {class: "head"},
    actions,
    make("div", {class: "name"},
      make("h2", {}, row.kernel_name),
      make("div", {class: "chips"},
        make("span", {class: "chip main"}, view.category), make("span", {class: "chip"}, `row ${row.id}`),
        make("span", {class: "chip"}, view.split),
        make("span", {class: "chip", title: "How the row was proven"},
          row.verified === "none" ? "not verified" : `verified: ${row.verified || "unknown"}`),
        make("span", {class: view.differs ? "chip mark" : "chip"}, devices))));
}

function card(title, ...children) {
  return make("section", {class: "card", "aria-label": title}, ...children);
}

function bar(title, ...children) {
  return make("div", {class: "bar"}, make("h3", {}, title), ...children);
}

function copyButton(what, text) {
  return make("button", {type: "button", class: "button", "aria-label": `Copy ${what}`,
    onclick: () => copy(text(), what)}, "Copy");
}

function sourceCard(row) {
  const code = codeBlock(row.python, "python");
  // The source is short, and its column is narrow.
  code.classList.add("wrap");
  code.setAttribute("aria-label", "Python source");
  return card("Python", bar("Python", copyButton("the source", () => row.python)), code);
}

function argumentsCard(row) {
  const heads = ["argument", "dtype", "shape", "range", "gradient"];
  const lines = row.in_avals.map((aval, number) => make("tr", {},
    make("td", {}, make("code", {}, aval.name)), make("td", {}, make("code", {class: "type"}, aval.dtype)),
    make("td", {}, make("code", {}, `[${aval.shape.join(", ")}]`)),
    make("td", {}, make("code", {}, `${short(aval.low)} to ${short(aval.high)}`)),
    make("td", {}, row.argnums.includes(number) ? "yes" : "–")));
  return card("Arguments", make("div", {class: "table"}, make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", {scope: "col"}, text)))),
    make("tbody", {}, ...lines))));
}

function short(number) {
  return String(Number(number.toPrecision(5)));
}

function factsCard(row) {
  const facts = [["program", row.program_hash], ["skeleton", row.skeleton_hash], ["jax", row.jax_version]];
  return card("Hashes and versions", make("div", {class: "table"}, make("table", {}, make("tbody", {},
    ...facts.map(([name, text]) => make("tr", {}, make("th", {scope: "row"}, name),
      make("td", {class: "wide", title: text}, make("code", {}, text))))))));
}

/** A segmented choice. Each of `options` is [value, label, usable]. */
function choice(name, legend, options, value) {
  return make("fieldset", {class: "choice", id: `choose-${name}`}, make("legend", {}, legend),
    ...options.map(([option, label, usable]) => make("label", {},
      make("input", {type: "radio", name, value: option, checked: option === value, disabled: !usable,
        onchange: () => { chosen[name] = option; refreshIr(); }}),
      make("span", {}, label))));
}

let refreshIr = () => {};
// The passes of the row that is shown.
let shownPasses = ["forward"];

function fillIr(ir, shown) {
  refreshIr = () => {
    const focused = ir.contains(document.activeElement) ? document.activeElement.name : "";
    ir.replaceChildren(...irParts(shown));
    if (focused) ir.querySelector(`input[name="${focused}"]:checked`)?.focus();
    markHits(document.querySelectorAll("main .code"), searchTerms());
  };
  refreshIr();
}

function irParts({row, view, columns, dialects}) {
  const names = Object.keys(columns);
  const dialect = dialects.includes(chosen.dialect) ? chosen.dialect : dialects[0];
  const sections = names.map((name) => columns[name][dialect]);
  const side = names.length < 2 ? names[0] : chosen.side;
  const passes = Object.keys(sections.find(Boolean).passes);
  // A row needn't have the pass that was chosen in another one.
  const pass = passes.includes(chosen.pass) ? chosen.pass : passes[0];
  shownPasses = passes;
  const both = sections.length > 1 && sections.every(Boolean);
  const lines = view.lines[`${dialect}/${pass}`];
  const section = side === "diff" ? sections[0] : columns[side][dialect];
  const text = section.passes[pass];
  let code = codeBlock(text, DATA.languages[section.backend][dialect]);
  let copied = () => text;
  let fact = section.target ? `Compiled for ${section.target}` : "";
  let mark = false;
  if (side === "diff" && both) {
    const texts = sections.map((one) => one.passes[pass]);
    [code, fact, mark, copied] = differing(lines, texts, sections, dialect);
  } else if (both && !lines) {
    fact = `${fact ? fact + " · " : ""}CPU and CUDA agree in this pass`;
  }
  code.classList.toggle("wrap", chosen.wrap);
  code.setAttribute("aria-label", `${dialect}, ${pass}, ${TITLES[side] || "difference"}`);
  const usable = (name) => names.includes(name);
  const several = dialects.length > 1;
  const copying = copyButton("the IR", copied);
  const controls = [
    choice("pass", "Pass", passes.map((name) => [name, PASSES[name], true]), pass),
    choice("side", "Device", [["cpp", "CPU", usable("cpp")], ["cuda", "CUDA", usable("cuda")],
      ["diff", "Diff", names.length > 1]], side),
    make("label", {class: "check"}, make("input", {type: "checkbox", id: "wrap", checked: chosen.wrap,
      onchange: (event) => { chosen.wrap = event.target.checked; code.classList.toggle("wrap", chosen.wrap); }}),
    "Wrap"),
  ];
  return [
    ...(several ? [
      bar("IR", choice("dialect", "Dialect", dialects.map((name) => [name, name, true]), dialect), copying),
      make("div", {class: "bar"}, ...controls)] : [bar(dialect, ...controls, copying)]),
    fact ? make("p", {class: mark ? "fact mark" : "fact", id: "fact"}, fact) : null,
    code,
  ].filter(Boolean);
}

function differing(lines, texts, sections, dialect) {
  if (!lines) {
    const code = make("p", {class: "note code", tabindex: "0"},
      "The texts for CPU and CUDA are the same, line by line.");
    return [code, "CPU and CUDA agree in this pass", false, () => ""];
  }
  const languages = sections.map((section) => DATA.languages[section.backend][dialect]);
  const count = (kind) => lines.filter((line) => line[0] === kind).length;
  const code = differenceBlock(lines, ...texts, languages);
  const ends = sections.map((section) => (section.target ? ` (${section.target})` : ""));
  const fact = `From CPU${ends[0]} to CUDA${ends[1]}: −${count("-")} +${count("+")} lines`;
  return [code, fact, true, () => code.textContent];
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    tell(`Copied ${what}`);
  } catch {
    tell("The browser doesn't allow this page to copy. Select the text instead.");
  }
}

function save(row) {
  const text = `${JSON.stringify(row, null, 1)}\n`;
  const address = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  make("a", {href: address, download: `row_${row.id}.json`}).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

let telling = 0;

/** Show a message for a short time. */
function tell(text) {
  document.getElementById("told").textContent = text;
  clearTimeout(telling);
  telling = setTimeout(() => { document.getElementById("told").textContent = ""; }, 2500);
}
