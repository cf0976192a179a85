// The hours of an entity or endpoint beside what is expected, as a chart: what was observed is a line, what is expected is a
// band with its middle.

import { el, moment, number } from './dom.js';

const width = 1000; // of the plot's own units: it is stretched to the room there is
const height = 120;
const most = 4; // the band's edge is drawn when it is at most so many times the highest hour

function svg(tag, props, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(props)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

// chart draws a series as the API has it, with the time from..to marked when that is given; null when nothing happened.
export function chart(series, from, to) {
  const n = series.observed.length;
  if (n < 2 || series.observed.every((v) => v === 0)) return null;
  const highest = Math.max(...series.observed);
  const edge = Math.max(0, ...(series.high ?? []));
  const top = Math.max(1, highest, ...(series.expected ?? []), edge <= most * highest ? edge : 0);
  const time = (i) => new Date(Date.parse(series.start) + i * series.step * 1000).toISOString();
  const plot = drawPlot(series, top, from, to, time);
  const last = time(n - 1);
  const summary = `${series.unit} by the hour, ${moment(series.start).slice(0, 16)} to ${moment(last).slice(0, 16)} UTC: at most ${number(highest)}`;
  const above = series.high ? series.observed.map((v, i) => i).filter((i) => series.observed[i] > series.high[i]) : [];
  return el('figure', { class: 'chart' },
    svg('svg', { class: 'frame', role: 'img', 'aria-label': summary }, plot, ...days(series, time), text('4', '14', number(top)), text('4', `${height - 5}`, '0')),
    el('figcaption', {}, caption(series, summary, edge, top),
      Date.parse(last) + series.step * 1000 > Date.now() ? ' The last hour is not over.' : '',
      series.high ? ` ${above.length === 0 ? 'No hour is' : above.length === 1 ? '1 hour is' : `${above.length} hours are`} above the band.` : ''),
    el('details', {}, el('summary', {}, 'The hours as numbers'), numbers(series, time)));
}

function caption(series, summary, edge, top) {
  if (!series.high) return `${summary}. No band is known: too little was learned yet.`;
  const reach = edge > top ? ` (it reaches to ${number(edge)}, above this chart)` : '';
  return `${summary}. The band is what is expected${reach}, its dashed middle the usual${series.history ? ` (${series.history})` : ''}.`;
}

function text(x, y, words) { return svg('text', { x, y }, words); }

// drawPlot draws the lines, and an area for each hour that says its numbers.
function drawPlot(series, top, from, to, time) {
  const n = series.observed.length;
  const x = (i) => ((i / (n - 1)) * width).toFixed(1);
  const y = (v) => (height - (Math.min(v, top) / top) * (height - 4)).toFixed(1);
  const line = (list) => list.map((v, i) => `${x(i)},${y(v)}`).join(' ');
  const parts = [];
  if (from && to) {
    const at = (moment) => (Date.parse(moment) - Date.parse(series.start)) / 1000 / series.step;
    const begin = Math.max(0, Math.floor(at(from)) - 0.5);
    const end = Math.min(n - 1, Math.floor(at(to)) + 0.5);
    if (begin <= end) parts.push(svg('rect', { class: 'when', x: x(begin), y: 0, width: Math.max(3, x(end) - x(begin)), height }));
  }
  if (series.high) {
    const back = series.low.map((v, i) => `${x(i)},${y(v)}`).reverse().join(' ');
    parts.push(svg('polygon', { class: 'band', points: `${line(series.high)} ${back}` }));
    parts.push(svg('polyline', { class: 'expected', points: line(series.expected) }));
  }
  parts.push(svg('polyline', { class: 'observed', points: line(series.observed) }));
  series.observed.forEach((_, i) => parts.push(svg('rect', { class: 'hour', x: x(Math.max(0, i - 0.5)), y: 0, width: x(1), height },
    svg('title', {}, hour(series, i, time)))));
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, width: '100%', height, preserveAspectRatio: 'none' }, ...parts);
}

function hour(series, i, time) {
  const band = series.high ? `; expected ${number(series.expected[i])}, ${number(series.low[i])} to ${number(series.high[i])}` : '';
  return `${moment(time(i)).slice(0, 16)}: ${number(series.observed[i])} ${series.unit}${band}`;
}

// days marks each midnight in UTC and names it, as many as there is room for.
function days(series, time) {
  const n = series.observed.length;
  const midnights = series.observed.map((_, i) => i).filter((i) => time(i).slice(11, 13) === '00' && series.step <= 3600);
  const every = Math.ceil(midnights.length / 8);
  return midnights.flatMap((i, k) => {
    const x = `${((i / (n - 1)) * 100).toFixed(2)}%`;
    const tick = svg('line', { class: 'day', x1: x, x2: x, y1: 0, y2: height });
    return k % every === 0 && i < n * 0.94 ? [tick, text(x, `${height + 14}`, time(i).slice(5, 10))] : [tick];
  });
}

// numbers is the chart for those who cannot see it: the hours in which something happened, the newest first.
function numbers(series, time) {
  const busy = series.observed.map((v, i) => i).filter((i) => series.observed[i] > 0).reverse();
  const cell = (list, i) => el('td', { class: 'n' }, list ? number(list[i]) : '–');
  return el('div', { class: 'scroll short' }, el('table', {},
    el('thead', {}, el('tr', {}, ['hour, UTC', series.unit, 'expected', 'at least', 'at most'].map((h) => el('th', {}, h)))),
    el('tbody', {}, busy.map((i) => el('tr', { class: series.high && series.observed[i] > series.high[i] ? 'above' : undefined },
      el('td', {}, moment(time(i)).slice(0, 16)), cell(series.observed, i), cell(series.expected, i), cell(series.low, i), cell(series.high, i))))));
}
