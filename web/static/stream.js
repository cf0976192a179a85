// The stream of changes: server-sent events over fetch, since EventSource cannot send a key. It resumes where it was.

import { call, Refused } from './rest.js';

const longestPause = 15000;

// follow calls on.incident for every change, on.reset when the list must be loaded again, on.state with what to show.
// It returns a function that ends it.
export function follow(on) {
  const control = new AbortController();
  let last = '';
  let pause = 500;

  async function once() {
    const headers = { Accept: 'text/event-stream', ...(last === '' ? {} : { 'Last-Event-ID': last }) };
    const response = await call('/v1/incidents/stream', { headers, signal: control.signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    on.state('on');
    pause = 500;
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      blocks.forEach(take);
    }
  }

  function take(block) {
    const event = { data: '' };
    for (const line of block.split('\n')) {
      const at = line.indexOf(':');
      if (at > 0) event[line.slice(0, at)] = line.slice(at + 1).trimStart();
    }
    if (event.id !== undefined) last = event.id;
    if (event.event === 'incident') on.incident(JSON.parse(event.data));
    if (event.event === 'reset') on.reset();
  }

  (async () => {
    while (!control.signal.aborted) {
      try {
        await once();
      } catch (error) {
        if (control.signal.aborted) return;
        if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
          on.state('off');
          on.refused(error);
          return;
        }
      }
      on.state('off');
      await new Promise((wake) => setTimeout(wake, pause));
      pause = Math.min(pause * 2, longestPause);
    }
  })();
  return () => control.abort();
}
