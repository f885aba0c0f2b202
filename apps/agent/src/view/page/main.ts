import type { ViewState } from '@godwit/wire';

/** The page of `godwit view`: what the agent says of the desktop, and its screen whenever there is one here. Connects again by itself, to both. */

/** What is used of noVNC's RFB (docs/API.md of its package). */
interface Screen extends EventTarget {
  scaleViewport: boolean;
  background: string;
  focus(): void;
  sendCtrlAltDel(): void;
}
type ScreenClass = new (target: HTMLElement, url: string, options: { shared: boolean }) => Screen;

const pauseMsMin = 250;
const pauseMsMax = 4_000;

const byId = <Kind extends HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;
const [header, place] = [document.querySelector('header')!, byId('screen')];
const [headline, detail, keys] = [byId('headline'), byId('detail'), byId('keys')];
const progress = byId<HTMLProgressElement>('progress');

const { default: ScreenOf } = (await import(new URL('novnc/core/rfb.js', import.meta.url).href)) as { default: ScreenClass };

let wanted = false;
let screen: Screen | undefined;
let screenPauseMs = pauseMsMin;
let statePauseMs = pauseMsMin;

function streamUrl(name: string): string {
  const url = new URL(name, location.href);
  url.protocol = 'ws:';
  return url.href;
}

function showScreen(): void {
  if (!wanted || screen !== undefined) return;
  const opened = new ScreenOf(place, streamUrl('screen'), { shared: true });
  screen = opened;
  opened.scaleViewport = true;
  opened.background = 'transparent';
  opened.addEventListener('connect', () => {
    screenPauseMs = pauseMsMin;
    keys.hidden = false;
    document.body.dataset['screen'] = 'shown';
    opened.focus();
  });
  opened.addEventListener('disconnect', () => {
    screen = undefined;
    keys.hidden = true;
    document.body.dataset['screen'] = 'none';
    setTimeout(showScreen, screenPauseMs);
    screenPauseMs = Math.min(screenPauseMs * 2, pauseMsMax);
  });
}

function show(state: ViewState): void {
  document.title = `${state.name}: ${state.headline}`;
  byId('name').textContent = state.name;
  say(state.tone, state.headline, state.detail);
  progress.hidden = state.progress === null;
  if (state.progress?.totalBytes) {
    progress.max = state.progress.totalBytes;
    progress.value = Math.min(state.progress.doneBytes, state.progress.totalBytes);
  } else progress.removeAttribute('value');
  wanted = state.screen;
  showScreen();
}

function say(tone: ViewState['tone'], text: string, more: string): void {
  header.dataset['tone'] = tone;
  // Only what changed, so that a screen reader says it once.
  if (headline.textContent !== text) headline.textContent = text;
  if (detail.textContent !== more) detail.textContent = more;
}

function listen(): void {
  const stream = new WebSocket(streamUrl('state'));
  stream.addEventListener('message', ({ data }) => {
    statePauseMs = pauseMsMin;
    show(JSON.parse(String(data)) as ViewState);
  });
  stream.addEventListener('close', () => {
    void lost();
    setTimeout(listen, statePauseMs);
    statePauseMs = Math.min(statePauseMs * 2, pauseMsMax);
  });
}

/** The agent went away, or it does not know this page any more. */
async function lost(): Promise<void> {
  progress.hidden = true;
  const status = await fetch('page.css').then((answer) => answer.status, () => 0);
  if (status === 403) say('trouble', 'This page is not good any more', 'Type: godwit view NAME');
  else if (status === 0) say('trouble', 'No word from the agent of this host', 'The page goes on when it is back. After a restart of the agent type: godwit view NAME');
}

byId('attention').addEventListener('click', () => screen?.sendCtrlAltDel());
byId('whole').addEventListener('click', () => void place.requestFullscreen());
listen();

export {};
