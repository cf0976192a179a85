// Building elements. Text always becomes text nodes: what comes out of logs is never parsed as HTML.

export const byId = (id) => document.getElementById(id);

// What moves or hides other characters: controls, and marks that turn the direction of what follows. A path that holds one
// would read as another path.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

// visible writes such characters as their numbers.
const visible = (text) => text.replace(unseen, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

export function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') e.className = value;
    else if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? '' : name === 'title' ? visible(String(value)) : value);
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    e.append(typeof child === 'string' ? visible(child) : child);
  }
  return e;
}

export const number = (n) =>
  typeof n !== 'number' ? '–' : n.toLocaleString('en-GB', { maximumFractionDigits: Math.abs(n) < 10 ? 2 : 0 });

export const words = (s) => String(s ?? '').replaceAll('_', ' ');

export function moment(text) {
  const d = new Date(text);
  return Number.isNaN(d.getTime()) ? '–' : d.toISOString().slice(0, 19).replace('T', ' ');
}

export function ago(text) {
  const seconds = Math.max(0, (Date.now() - new Date(text).getTime()) / 1000);
  for (const [size, unit] of [[86400, 'd'], [3600, 'h'], [60, 'min']]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return 'just now';
}

// figure is a number (or a name) with what it is and what it is counted in. A value may be a link.
export const figure = (label, value, unit, name = '') => el('div', { class: `figure ${name}` }, el('div', { class: 'label' }, label),
  el('div', { class: 'value' }, value), el('div', { class: 'unit' }, unit));

// untitled is the sentence of a finding or signal without the title that it may begin with.
export const untitled = (f) => (f.explanation.startsWith(`${f.title}: `) ? f.explanation.slice(f.title.length + 2) : f.explanation);
