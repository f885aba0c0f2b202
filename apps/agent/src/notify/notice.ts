import { printable } from '@godwit/base';

/** What happens on a host that its person should see without asking. */
export type Happening =
  | { readonly kind: 'safe'; readonly name: string; readonly sequence: number }
  | { readonly kind: 'saved-here'; readonly name: string; readonly reason: string }
  | { readonly kind: 'not-suspended'; readonly name: string; readonly message: string; readonly unknown: boolean; readonly runs: boolean }
  | { readonly kind: 'departure-asked'; readonly name: string; readonly by: string }
  | { readonly kind: 'arrival-ordered'; readonly name: string; readonly by: string }
  | { readonly kind: 'taken-over'; readonly name: string; readonly by: string | null }
  | { readonly kind: 'copy-kept'; readonly name: string; readonly keptAs: string }
  | { readonly kind: 'lid-free'; readonly name: string; readonly capMs: number }
  | { readonly kind: 'host-joined'; readonly host: string }
  | { readonly kind: 'host-revoked' };

/** One notification. A later one about the same `subject` takes its place on the screen. */
export interface Notice {
  readonly subject: string;
  readonly title: string;
  readonly text: string;
  readonly urgency: 'low' | 'normal' | 'critical';
}

/** What the person reads. Names and reasons only: never words, codes, keys or anything out of a desktop. Pure. */
export function noticeOf(happening: Happening): Notice {
  const notice = plainNoticeOf(happening);
  return { ...notice, title: printable(notice.title), text: printable(notice.text) };
}

function plainNoticeOf(happening: Happening): Notice {
  if (happening.kind === 'host-joined') return { subject: 'account', title: `${happening.host} is now a host of your account`, text: 'It can open your desktops. Was that not you? godwit revoke ends its trust.', urgency: 'normal' };
  if (happening.kind === 'host-revoked') return { subject: 'account', title: 'A host of your account was revoked', text: 'It gets no key that is made from now on. godwit hosts says which.', urgency: 'normal' };
  return { subject: `desktop ${happening.name}`, ...aboutDesktop(happening) };
}

type AboutDesktop = Extract<Happening, { readonly name: string }>;

function aboutDesktop(happening: AboutDesktop): Omit<Notice, 'subject'> {
  const { name } = happening;
  switch (happening.kind) {
    case 'safe':
      return { title: `${name} is safe: you can close the lid`, text: `Checkpoint ${happening.sequence} is in the store, and proven.`, urgency: 'normal' };
    case 'saved-here':
      return { title: `${name} is saved on this machine only`, text: `${happening.reason}. It goes into the store by itself when that is in reach.`, urgency: 'critical' };
    case 'not-suspended':
      if (happening.unknown) return { title: `Do not close the lid: nobody knows yet whether ${name} is safe`, text: `${happening.message}. The agent asks on; godwit status says how it ends.`, urgency: 'critical' };
      return { title: `${name} was not suspended`, text: `${happening.message}. It ${happening.runs ? 'runs on here' : 'stands still here'}.`, urgency: 'critical' };
    case 'departure-asked':
      return { title: `${happening.by} asks for ${name}`, text: 'It is suspended here now, to go on there.', urgency: 'normal' };
    case 'arrival-ordered':
      return { title: `${happening.by} sends ${name} here`, text: 'It is resumed now. godwit arrivals off refuses that from now on.', urgency: 'normal' };
    case 'taken-over':
      return { title: `${name} was taken over${happening.by === null ? '' : ` by ${happening.by}`}`, text: 'What is here stands still, and becomes a desktop of its own.', urgency: 'critical' };
    case 'copy-kept':
      return { title: `What was here of ${name} is kept`, text: `Nothing is lost: godwit resume ${happening.keptAs}`, urgency: 'normal' };
    case 'lid-free':
      return { title: `${name} is still on its way after ${Math.round(happening.capMs / 1000)} s`, text: 'If the lid is closed now this machine sleeps; the departure goes on when it wakes up.', urgency: 'critical' };
  }
}
