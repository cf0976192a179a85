// The hours of an entity beside what is expected, as a small chart.

import { el, moment, number } from './dom.js';

const width = 600;
const height = 120;

function svg(tag, props, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(props)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

// chart draws a series as GET /v1/entities/{type}/{value} has it; null when there is nothing to draw.
export function chart(series, from, to) {
  const n = series.observed.length;
  if (n < 2 || series.observed.every((x) => x === 0)) return null;
  const top = Math.max(1, ...series.observed, ...(series.expected ?? []).map((x) => x * 1.5));
  const x = (i) => ((i / (n - 1)) * width).toFixed(1);
  const y = (v) => (height - (Math.min(v, top) / top) * (height - 4)).toFixed(1);
  const line = (list) => list.map((v, i) => `${x(i)},${y(v)}`).join(' ');
  const at = (time) => (Date.parse(time) - Date.parse(series.start)) / 1000 / series.step;
  const parts = [];
  if (series.high) {
    const back = series.low.map((v, i) => `${x(i)},${y(v)}`).reverse().join(' ');
    parts.push(svg('polygon', { class: 'band', points: `${line(series.high)} ${back}` }));
    parts.push(svg('polyline', { class: 'expected', points: line(series.expected) }));
  }
  const begin = Math.max(0, Math.floor(at(from)));
  const end = Math.min(n - 1, Math.ceil(at(to)));
  if (begin <= end) {
    parts.unshift(svg('rect', { class: 'when', x: x(begin), y: 0, width: Math.max(2, x(end) - x(begin)), height }));
  }
  parts.push(svg('polyline', { class: 'observed', points: line(series.observed) }));
  const last = new Date(Date.parse(series.start) + (n - 1) * series.step * 1000).toISOString();
  const label = `${series.unit} by the hour, ${moment(series.start)} to ${moment(last)} UTC, at most ${number(Math.max(...series.observed))}`;
  return el('figure', { class: 'chart' },
    svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label, preserveAspectRatio: 'none' }, ...parts),
    el('figcaption', {}, label, series.high ? '. The band is what is expected' : '. No band is known', series.history ? `: ${series.history}.` : '.'));
}
