// Texts as elements: coloured code, the lines of a difference, and the hits of a search.
"use strict";

// Longer texts are shown without colours.
const MAX_COLOURED = 400000;
const MAX_HITS = 3000;
const SIGNS = {" ": "", "-": "out", "+": "in", "@": "gap"};

/** Make an element with attributes and children. Text is never parsed as HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const scanners = new Map();

/** Join a language's rules into one expression. Its n-th group is the n-th rule. */
function scanner(language) {
  if (!scanners.has(language)) {
    const rules = DATA.lexicon[language] || [];
    const joined = rules.map(([, expression]) => `(${expression})`).join("|");
    scanners.set(language, {kinds: rules.map(([kind]) => kind), joined});
  }
  return scanners.get(language);
}

/** Split a text into lines, each an array of [kind, text]. The kind of plain text is "". */
function colouredLines(text, language) {
  const {kinds, joined} = scanner(language);
  if (!joined || text.length > MAX_COLOURED) return text.split("\n").map((line) => [["", line]]);
  const lines = [[]];
  const add = (kind, words) => {
    words.split("\n").forEach((piece, number) => {
      if (number) lines.push([]);
      if (piece) lines[lines.length - 1].push([kind, piece]);
    });
  };
  const expression = new RegExp(joined, "gm");
  let end = 0;
  for (const match of text.matchAll(expression)) {
    if (match.index > end) add("", text.slice(end, match.index));
    let group = 1;
    while (match[group] === undefined) group += 1;
    add(kinds[group - 1], match[0]);
    end = match.index + match[0].length;
  }
  add("", text.slice(end));
  return lines;
}

/** The nodes of a coloured line. The parts in `changed`, each [start, end], are marked. */
function lineNodes(pieces, changed = []) {
  const nodes = [];
  let at = 0;
  for (const [kind, text] of pieces) {
    const cuts = [0, text.length];
    for (const part of changed) {
      for (const cut of part) if (cut > at && cut < at + text.length) cuts.push(cut - at);
    }
    cuts.sort((a, b) => a - b);
    for (let k = 0; k + 1 < cuts.length; k += 1) {
      const words = text.slice(cuts[k], cuts[k + 1]);
      const from = at + cuts[k];
      const node = kind ? make("span", {class: kind}, words) : words;
      const marked = changed.some(([start, end]) => from >= start && from < end);
      nodes.push(marked ? make("mark", {}, node) : node);
    }
    at += text.length;
  }
  return nodes;
}

/** A block of code with numbered lines. */
function codeBlock(text, language) {
  const lines = colouredLines(text.replace(/\n$/, ""), language);
  return block(lines.map((pieces, number) =>
    line(pieces, {class: "l", "data-n": number + 1}, 0, ...lineNodes(pieces))));
}

/** The lines of a difference (see `collect_page_data`) between two texts. */
function differenceBlock(lines, before, after, languages) {
  const sides = [colouredLines(before, languages[0]), colouredLines(after, languages[1])];
  return block(lines.map(([kind, number, changed]) => {
    if (kind === "@") return make("span", {class: "l gap", "data-n": "⋯"}, number, "\n");
    const pieces = sides[kind === "+" ? 1 : 0][number - 1];
    return line(pieces, {class: `l ${SIGNS[kind]}`, "data-n": number}, 2,
      make("span", {class: "sign"}, kind), ...lineNodes(pieces, changed));
  }));
}

/** Make a line. `before` is the number of characters before its text. */
function line(pieces, attributes, before, ...nodes) {
  const element = make("span", attributes, ...nodes, "\n");
  const indent = /^ */.exec(pieces[0]?.[1] || "")[0].length;
  element.style.setProperty("--indent", indent + before);
  return element;
}

function block(lines) {
  return make("pre", {class: "code", tabindex: "0"}, make("code", {}, ...lines));
}

/** Highlight the terms, in lower case, in blocks of code, and scroll to the first hit, if possible. */
function markHits(blocks, terms) {
  if (!window.CSS || !CSS.highlights) return;
  const hits = new Highlight();
  for (const code of blocks) {
    const lines = [...code.querySelectorAll(".l")];
    const first = lines.find((line) => terms.some((term) => line.textContent.toLowerCase().includes(term)));
    if (first) {
      const down = first.getBoundingClientRect().top - code.getBoundingClientRect().top;
      if (down < 0 || down > code.clientHeight - 40) code.scrollTop += down - code.clientHeight / 3;
    }
    for (const line of lines) {
      const text = line.textContent.toLowerCase();
      for (const term of terms) {
        for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length)) {
          if (hits.size >= MAX_HITS) break;
          hits.add(rangeIn(line, at, at + term.length));
        }
      }
    }
  }
  CSS.highlights.set("hit", hits);
}

function rangeIn(element, start, end) {
  const range = new Range();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let at = 0;
  while (walker.nextNode()) {
    const next = at + walker.currentNode.length;
    if (start >= at && start < next) range.setStart(walker.currentNode, start - at);
    if (end > at && end <= next) range.setEnd(walker.currentNode, end - at);
    at = next;
  }
  return range;
}
