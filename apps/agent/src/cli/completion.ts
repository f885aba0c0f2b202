import type { Argument, Command, Option } from 'commander';

/** Completion for bash, zsh and fish, written from the table of commands. Names of desktops and hosts are asked of the agent as they are needed. Pure. */

export const shells = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof shells)[number];

export function completionFor(shell: ShellName, program: Command): string {
  const commands = program.commands.map(tableRow);
  return `${{ bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands)}\n`;
}

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  readonly places: readonly Values[];
}

interface Flag {
  readonly long: string;
  readonly summary: string;
  /** Undefined: it takes no value. */
  readonly values: Values | undefined;
}

/** What may stand somewhere. */
type Values = { readonly kind: 'desktops' | 'hosts' | 'files' | 'anything' } | { readonly kind: 'choices'; readonly choices: readonly string[] };

function tableRow(command: Command): Row {
  const flags = command.options.flatMap((option) => (option.long === undefined ? [] : [{ long: option.long, summary: option.description, values: option.required ? valuesOfOption(option) : undefined }]));
  return { name: command.name(), summary: command.description(), flags: [...flags, { long: '--help', summary: 'how it is used', values: undefined }], places: command.registeredArguments.map(valuesOfArgument) };
}

function valuesOfOption({ argChoices, flags }: Option): Values {
  if (argChoices !== undefined) return { kind: 'choices', choices: argChoices };
  return { kind: flags.includes('<file>') ? 'files' : 'anything' };
}

function valuesOfArgument(argument: Argument): Values {
  if (argument.argChoices !== undefined) return { kind: 'choices', choices: argument.argChoices };
  const name = argument.name();
  return { kind: name === 'name' || name === 'name@checkpoint' ? 'desktops' : name === 'host' ? 'hosts' : 'anything' };
}

const ask = (kind: 'desktops' | 'hosts'): string => `$(godwit complete-names ${kind} 2>/dev/null)`;

function bashScript(rows: readonly Row[]): string {
  const offer = (values: Values): string => {
    if (values.kind === 'files') return 'COMPREPLY=($(compgen -f -- "$cur"))';
    if (values.kind === 'anything') return ':';
    return `COMPREPLY=($(compgen -W "${values.kind === 'choices' ? values.choices.join(' ') : ask(values.kind)}" -- "$cur"))`;
  };
  const valued = rows.flatMap(({ name, flags }) => flags.flatMap(({ long, values }) => (values === undefined ? [] : [{ at: `${name} ${long}`, values }])));
  return [
    '# bash completion of godwit, written by `godwit completion bash`',
    '_godwit() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} command= place=0 i',
    '  COMPREPLY=()',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    if [[ -z $command ]]; then',
    '      [[ ${COMP_WORDS[i]} == -* ]] || command=${COMP_WORDS[i]}',
    '    else',
    '      case "$command ${COMP_WORDS[i]}" in',
    ...valued.map(({ at, values }) => `        "${at}") if ((i + 1 == COMP_CWORD)); then ${offer(values)}; return; fi; i=$((i + 1)) ;;`),
    '        *" -"*) ;;',
    '        *) place=$((place + 1)) ;;',
    '      esac',
    '    fi',
    '  done',
    `  if [[ -z $command ]]; then COMPREPLY=($(compgen -W "${rows.map(({ name }) => name).join(' ')} --help --version" -- "$cur")); return; fi`,
    '  if [[ $cur == -* ]]; then',
    '    case $command in',
    ...rows.map(({ name, flags }) => `      ${name}) COMPREPLY=($(compgen -W "${flags.map(({ long }) => long).join(' ')}" -- "$cur")) ;;`),
    '    esac',
    '    return',
    '  fi',
    '  case "$command $place" in',
    ...rows.flatMap(({ name, places }) => places.flatMap((values, place) => (values.kind === 'anything' ? [] : [`    "${name} ${place}") ${offer(values)} ;;`]))),
    '  esac',
    '}',
    'complete -F _godwit godwit',
  ].join('\n');
}

function zshScript(rows: readonly Row[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  // Inside of a spec brackets and colons have a meaning.
  const summary = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&');
  const offer = (values: Values): string => {
    if (values.kind === 'files') return '_files';
    if (values.kind === 'anything') return ' ';
    return `(${values.kind === 'choices' ? values.choices.join(' ') : ask(values.kind)})`;
  };
  const action = (values: Values): string => (values.kind === 'desktops' || values.kind === 'hosts' ? `{compadd -- \${(f)"${ask(values.kind)}"}}` : offer(values));
  const flag = ({ long, summary: text, values }: Flag): string => quote(`${long}[${summary(text)}]${values === undefined ? '' : `:value:${action(values)}`}`);
  const place = (values: Values, index: number): string => quote(`${index + 1}:name:${action(values)}`);
  return [
    '#compdef godwit',
    '# zsh completion of godwit, written by `godwit completion zsh`',
    '_godwit() {',
    '  local state line',
    '  local -a commands',
    '  commands=(',
    ...rows.map(({ name, summary: text }) => `    ${quote(`${name}:${summary(text)}`)}`),
    '  )',
    "  _arguments -C '--help[how it is used]' '--version[its version]' '1: :->command' '*:: :->rest'",
    '  case $state in',
    '    command) _describe command commands ;;',
    '    rest)',
    '      case $words[1] in',
    ...rows.map(({ name, flags, places }) => `        ${name}) _arguments ${[...flags.map(flag), ...places.map(place)].join(' ')} ;;`),
    '      esac ;;',
    '  esac',
    '}',
    'if [[ $funcstack[1] == _godwit ]]; then _godwit "$@"; else compdef _godwit godwit; fi',
  ].join('\n');
}

function fishScript(rows: readonly Row[]): string {
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const offer = (values: Values): string => {
    if (values.kind === 'files') return ' -r -F';
    if (values.kind === 'anything') return ' -x';
    return ` -x -a ${quote(values.kind === 'choices' ? values.choices.join(' ') : ask(values.kind).slice(1))}`;
  };
  return [
    '# fish completion of godwit, written by `godwit completion fish`',
    'complete -c godwit -f',
    ...rows.map(({ name, summary }) => `complete -c godwit -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`),
    ...rows.flatMap(({ name, flags, places }) => {
      const within = `complete -c godwit -n ${quote(`__fish_seen_subcommand_from ${name}`)}`;
      const named = places.find(({ kind }) => kind !== 'anything');
      return [...flags.map(({ long, summary, values }) => `${within} -l ${long.slice(2)}${values === undefined ? '' : offer(values)} -d ${quote(summary)}`), ...(named === undefined ? [] : [`${within}${offer(named).replace(' -x', '')}`])];
    }),
  ].join('\n');
}
