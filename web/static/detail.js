// One incident in full: what happened, why it scores as it does, the story, the events, and what to do with it.

import { byId, el, figure, moment, number, untitled, words } from './dom.js';
import { chart } from './chart.js';
import { entityLink, incidentLinks } from './entity.js';
import { eventTable } from './events.js';
import { json, Refused } from './rest.js';
import { suppression } from './suppress.js';

const actions = {
  open: [['acknowledged', 'Acknowledge', true], ['resolved', 'Resolve'], ['false_positive', 'False positive']],
  acknowledged: [['resolved', 'Resolve', true], ['false_positive', 'False positive'], ['open', 'Back to open']],
  resolved: [['open', 'Reopen'], ['false_positive', 'False positive']],
  false_positive: [['open', 'Reopen']],
};
const partMax = { severity: 70, excess: 8, volume: 8, breadth: 8, persistence: 6 };

export class Detail {
  constructor(back) {
    this.pane = byId('detail');
    this.back = back;
    this.clear();
  }

  clear() {
    this.id = '';
    this.pane.replaceChildren(el('p', { class: 'empty' }, 'Choose an incident to see what happened and why.'));
  }

  async open(id) {
    this.id = id;
    try {
      const [incident, story, made] = await Promise.all(
        [`/v1/incidents/${id}`, `/v1/incidents/${id}/timeline`, `/v1/incidents/${id}/decisions`].map((path) => json(path)));
      if (this.id !== id) return;
      this.show(incident, story.timeline, made.decisions);
    } catch (error) {
      if (this.id !== id) return;
      this.pane.replaceChildren(this.backButton(), el('p', { class: 'error', role: 'alert' }, error.message));
    }
  }

  // take shows a change of the open incident; somebody who writes or has opened something is asked first.
  take(incident) {
    if (incident.id !== this.id || incident.version <= this.incident?.version) return;
    const written = [...this.pane.querySelectorAll('textarea, input:not([type=checkbox])')].some((field) => field.value);
    if (!written && !this.pane.querySelector('details[open]')) {
      this.open(this.id);
      return;
    }
    this.tell('It changed meanwhile. ');
    this.error.append(el('button', { type: 'button', class: 'quiet', onclick: () => this.open(this.id) }, 'Show how it stands now'));
  }

  backButton() {
    return el('button', { type: 'button', class: 'back quiet', onclick: this.back }, '← All incidents');
  }

  show(incident, timeline, decisions) {
    this.incident = incident;
    this.error = el('p', { class: 'error', role: 'alert' });
    const evidence = incident.evidence ?? [];
    this.pane.replaceChildren(
      this.backButton(),
      el('h2', {}, incident.title),
      el('p', { class: 'sentence' }, incident.explanation),
      ...(incident.outcome ? [el('p', { class: 'sentence' },
        el('span', { class: `outcome ${incident.outcome}` }, words(incident.outcome)), incident.outcome_reason)] : []),
      this.tags(incident),
      el('div', { class: 'actions' }, (actions[incident.status] ?? []).map(([to, label, main]) => el('button', {
        type: 'button', class: main ? 'main' : undefined, onclick: () => this.change(to),
      }, label))),
      this.error,
      suppression(incident, () => this.tell('Suppressed: what comes from now on is hidden until the end of the suppression. This incident stays; close it if you like.')) ?? '',
      this.figures(incident),
      ...(incident.next_steps?.length ? [el('h3', {}, 'What to do'), el('ol', { class: 'steps' }, incident.next_steps.map((text) => el('li', {}, text)))] : []),
      this.hours(incident),
      el('h3', {}, `Score ${incident.score} of 100`),
      el('div', { class: 'parts' }, incident.score_parts.map(part)),
      el('h3', {}, 'Decisions'),
      this.decisions(incident, decisions),
      el('h3', {}, 'Timeline'),
      el('ol', { class: 'timeline' }, timeline.map(step)),
      el('h3', {}, `Evidence: ${evidence.length} of at least ${number(incident.event_count)} events`),
      evidence.length ? eventTable(evidence) : el('p', { class: 'label' }, 'No events were kept.'),
      el('h3', {}, 'Reproduce'),
      this.reproduction(),
      el('h3', {}, 'Notes'),
      this.notes(),
    );
    this.pane.scrollTop = 0;
  }

  tags(incident) {
    const all = [[incident.severity, incident.severity], ['', words(incident.status)], ['', words(incident.kind)],
      ...incident.owasp.map((t) => ['', t]), ...incident.mitre.map((t) => ['', t]), 
      ...incident.tags.filter((t) => !/^(attack|owasp)\./.test(t)).map((t) => ['', t])]; // these say the references again
    if (incident.assignee) all.push(['', `assigned to ${incident.assignee}`]);
    return el('div', { class: 'tags' }, all.map(([kind, text]) => el('span', { class: `tag ${kind}` }, text)));
  }

  figures(incident) {
    const learned = incident.findings?.some((f) => f.detector === incident.detector && f.baseline);
    const page = entityLink(incident.entity, incident.service);
    return el('div', { class: 'figures' },
      figure('Observed', number(incident.observed), incident.unit ?? ''),
      figure('Expected', number(incident.expected), learned ? 'the bound that was learned' : 'the threshold of the rule'),
      figure('Events', number(incident.event_count), incident.finding_count === 1 ? '1 finding' : `${number(incident.finding_count)} findings`),
      figure(words(incident.entity.type), page ? el('a', { href: page }, incident.entity.value) : incident.entity.value,
        [incident.service, incident.entity.type !== 'endpoint' && incident.route].filter(Boolean).join(' '), 'name'),
      figure('Seen, UTC', moment(incident.first_seen), `to ${moment(incident.last_seen)}`, 'when'));
  }

  // hours draws the week around the incident beside what is expected of its entity, once the server has answered.
  hours(incident) {
    const place = el('div');
    const { type, value } = incident.entity;
    if (!entityLink(incident.entity, incident.service)) return place;
    const day = 86400e3;
    const query = new URLSearchParams({
      from: new Date(Date.parse(incident.first_seen) - 5 * day).toISOString(),
      to: new Date(Date.parse(incident.last_seen) + 2 * day).toISOString(),
    });
    if (type === 'endpoint') query.set('service', incident.service);
    json(`/v1/entities/${type}/${encodeURIComponent(value)}?${query}`).then((profile) => {
      const drawn = chart(profile.series, incident.first_seen, incident.last_seen);
      if (drawn) place.append(el('h3', {}, 'Hours'), drawn);
      const others = profile.incidents.filter((i) => i.id !== incident.id);
      if (others.length) place.append(el('h3', {}, `Also about this ${words(type).replace('client ip', 'client')}`), incidentLinks(others));
    }, (error) => {
      if (error.status !== 501) place.append(el('p', { class: 'label' }, `The hours are not known: ${error.message}`));
    });
    return place;
  }

  async change(status) {
    const { id, version } = this.incident;
    try {
      await json(`/v1/incidents/${id}`, { method: 'PATCH', body: { status }, headers: { 'If-Match': `"${version}"` } });
      await this.open(id);
    } catch (error) {
      if (error instanceof Refused && error.status === 412) {
        await this.open(id);
        this.error.textContent = 'It changed while you were looking at it; this is how it stands now.';
        return;
      }
      this.error.textContent = error.message;
    }
  }

  // decisions lists what was done because of the incident, each with its undo, and offers what can be done.
  decisions(incident, list) {
    const rows = list.map((d) => {
      const over = d.ended_at ? `undone by ${d.ended_by}` : Date.parse(d.until) <= Date.now() ? 'over' : `until ${moment(d.until)}`;
      const counts = !d.ended_at && Date.parse(d.until) > Date.now();
      return el('li', { class: 'f-change' }, el('strong', {}, `${d.type} ${d.value}`),
        ` ${d.simulated ? 'would be in force (monitor mode), ' : ''}${over}, by ${d.author} `,
        counts && el('button', { type: 'button', class: 'quiet', onclick: () => this.act(`/v1/decisions/${d.id}`, 'DELETE') }, 'Undo'));
    });
    const offer = { client_ip: ['Ban for 4 h', { value: incident.entity.value, duration: '4h' }],
      user: ['Freeze for 1 h', { value: incident.entity.value, scope: 'user', duration: '1h' }] }[incident.entity.type];
    return el('div', {}, rows.length ? el('ol', { class: 'timeline' }, rows) : el('p', { class: 'label' }, 'Nothing was decided.'),
      offer && el('button', { type: 'button', onclick: () => this.act('/v1/decisions', 'POST',
        { ...offer[1], incident: incident.id, reason: incident.detector }) }, offer[0]));
  }

  // tell says that something was done.
  tell(text) {
    this.error.className = 'verdict same';
    this.error.textContent = text;
  }

  async act(path, method, body) {
    try {
      await json(path, { method, body });
      await this.open(this.id);
    } catch (error) {
      this.error.textContent = error.message;
      this.error.scrollIntoView();
    }
  }

  reproduction() {
    const out = el('div');
    const run = async (event) => {
      event.target.disabled = true;
      try {
        const r = await json(`/v1/incidents/${this.id}/reproduce`);
        out.replaceChildren(
          el('p', { class: `verdict ${r.same && r.events_available ? 'same' : 'differs'}` },
            `Stored ${number(r.observed)} ${r.unit}, now ${number(r.reproduced)}: ${r.detail}.`),
          el('pre', {}, r.sql),
          el('pre', {}, Object.entries(r.parameters).map(([k, v]) => `${k} = ${v}`).join('\n') || 'no parameters'),
          r.baseline ? el('pre', {}, JSON.stringify(r.baseline, null, 2)) : '');
      } catch (error) {
        out.replaceChildren(el('p', { class: 'error', role: 'alert' }, error.message));
      }
      event.target.disabled = false;
    };
    return el('div', {}, el('button', { type: 'button', onclick: run }, 'Run the query again'), out);
  }

  notes() {
    const text = el('textarea', { 'aria-label': 'Note', placeholder: 'What you know or did', maxlength: 4000 });
    const submit = async (event) => {
      event.preventDefault();
      if (!text.value.trim()) return;
      try {
        await json(`/v1/incidents/${this.id}/notes`, { method: 'POST', body: { text: text.value } });
        text.value = '';
        await this.open(this.id);
      } catch (error) {
        this.error.textContent = error.message;
        this.error.scrollIntoView();
      }
    };
    return el('form', { class: 'note-form', onsubmit: submit }, text, el('button', { type: 'submit' }, 'Add note'));
  }
}

function part(p) {
  return el('div', { class: 'part' }, el('span', {}, p.name), el('span', { class: 'points' }, `${p.points < 0 ? '' : '+'}${p.points}`),
    el('meter', { min: 0, max: partMax[p.name] ?? 20, value: Math.abs(p.points) }), el('span', { class: 'reason' }, p.reason));
}

function step(s) {
  const at = el('time', { datetime: s.at }, moment(s.at));
  if (s.finding) {
    const f = s.finding;
    return el('li', { class: `f-${f.severity}` }, at, el('strong', {}, f.title), ` ${untitled(f)} `,
      el('span', { class: 'tag' }, `${f.detector} · ${number(f.event_count)} events`));
  }
  if (s.note) return el('li', { class: 'f-change' }, at, el('strong', {}, s.note.author), `: ${s.note.text}`);
  const c = s.change;
  const what = c.from ? `${words(c.field)}: ${words(c.from)} → ${words(c.to)}` : `${words(c.field)}: ${words(c.to) || 'nobody'}`;
  return el('li', { class: 'f-change' }, at, `${what} by ${c.actor}`, c.reason ? ` (${c.reason})` : '');
}
