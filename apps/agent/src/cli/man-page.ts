import type { Command } from 'commander';
import { exitCodeMeanings, exitCodes } from './exit-code.ts';
import { environmentVariables, version } from './program.ts';

/** `godwit.1`, written from the table of commands. Pure. */

/** Lines to type, each with what it is for. Every one is taken by the table of commands: a test types them. */
export const manExamples: readonly (readonly [line: string, meaning: string])[] = [
  ['godwit', 'where each desktop is, and what to type next'],
  ['godwit create work --image debian.qcow2 --memory 4G', 'make a desktop from a disk image'],
  ['godwit suspend work', 'put it safely into the store, then close the lid'],
  ['godwit resume work', 'on another machine of the account: go on with it'],
  ['godwit wait work --for safe --timeout 5m', 'in a script: wait until this machine is not needed any more'],
  ['godwit protect work --every 5m', 'keep a checkpoint in the store that is never much older than five minutes'],
  ['godwit doctor --fix', 'see what is wrong with this host, and mend what needs no judgement'],
  ['godwit completion bash', 'what bash needs to complete commands, flags and names'],
];

const files: readonly (readonly [path: string, meaning: string])[] = [
  ['~/.local/share/godwit, as root /var/lib/godwit', 'the home of the agent: keys, settings, log, desktops that are here; GODWIT_HOME names another'],
  ['control.sock', 'in the home: where commands ask the agent, mode 0600'],
  ['agent.log', 'in the home: what the agent did, one JSON document per line'],
  ['receipts/', 'in the home: proof of each suspend, which godwit audit --receipt checks'],
  ['/usr/share/bash-completion/completions/godwit', 'for the output of godwit completion bash'],
  ['/usr/share/zsh/site-functions/_godwit', 'for the output of godwit completion zsh'],
  ['/usr/share/fish/vendor_completions.d/godwit.fish', 'for the output of godwit completion fish'],
];

export function manPage(program: Command): string {
  return `${[
    '.\\" Written from the table of commands by `node test/dist/docs/write-man-page.js`; a test keeps the two equal.',
    `.TH GODWIT 1 "" "Godwit ${version}" "User Commands"`,
    '.SH NAME',
    `godwit \\- ${text('your running desktop follows you: suspend here, resume there')}`,
    '.SH SYNOPSIS',
    '.B godwit',
    '[\\fIcommand\\fR [\\fIarguments\\fR]] [\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    text('A desktop is a virtual machine that moves between the machines of its person: suspended on one, it goes on where it stood on another. Its state is sealed before it leaves.'),
    paragraph('Without a command, godwit says where each desktop is and the one command to type next. Every command but godwit agent asks the agent of this host, which does the work and goes on with it when the command is left.'),
    paragraph('With --json a command prints one document on stdout, also when it fails; godwit schema prints their schema. Progress goes to stderr: one line that is redrawn on a terminal, a line every ten seconds in a pipe. SIGUSR1 prints it at once.'),
    '.SH COMMANDS',
    ...program.commands.flatMap(commandLines),
    '.SH ENVIRONMENT',
    ...list(environmentVariables),
    '.SH FILES',
    ...list(files),
    '.SH EXIT STATUS',
    ...list(Object.entries(exitCodes).map(([name, code]) => [String(code), exitCodeMeanings[name as keyof typeof exitCodes].replaceAll('`', '')])),
    paragraph('godwit doctor ends with 0 (all is well), 1 (it works with less than it could) or 2 (it cannot work).'),
    '.SH EXAMPLES',
    ...list(manExamples),
  ].join('\n')}\n`;
}

function commandLines(command: Command): string[] {
  const options = command.options.map(({ flags, description, defaultValue, defaultValueDescription }) => {
    const usual = defaultValueDescription ?? (typeof defaultValue === 'string' || typeof defaultValue === 'number' ? String(defaultValue) : undefined);
    // Names and addresses of the machine that writes the page are no part of it.
    const shown = usual === undefined || flags.startsWith('--name') || flags.startsWith('--coordinator') ? '' : ` (${usual} unless given)`;
    return [flags, `${description}${shown}`] as const;
  });
  const words = command.registeredArguments.map((argument) => (argument.required ? `<${argument.name()}>` : `[${argument.name()}]`)).join(' ');
  return [`.SS "${text(`godwit ${command.name()} ${words}`.trim())}"`, `${text(command.description())}.`, ...list(options)];
}

function list(rows: readonly (readonly [string, string])[]): string[] {
  return rows.flatMap(([name, meaning]) => ['.TP', `.B ${text(name)}`, text(meaning)]);
}

function paragraph(words: string): string {
  return `.PP\n${text(words)}`;
}

/** As roff reads it back: hyphens that are typed stay hyphens, and no line begins with a request. */
function text(words: string): string {
  const escaped = words.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('"', '\\(dq');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
