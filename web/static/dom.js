// Building elements. Text always becomes text nodes: what comes out of logs is never parsed as HTML.

export const byId = (id) => document.getElementById(id);

export function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') e.className = value;
    else if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    e.append(child);
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
