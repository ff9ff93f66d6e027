/** One command and its options, as a shell completes them. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CompletedOption[];
  /** Words behind the command. */
  readonly words?: readonly string[];
}

export interface CompletedOption {
  readonly name: string;
  readonly help: string;
  readonly hasValue: boolean;
  readonly isFile: boolean;
  readonly choices: readonly string[];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that makes a shell complete the commands and options of gantry. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      // zsh runs completions of bash itself.
      return `autoload -Uz bashcompinit && bashcompinit\n${bash(commands)}`;
    case 'fish':
      return fish(commands);
  }
}

function bash(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const cases = commands.map(({ name, options, words = [] }) => {
    const values = options.flatMap(({ name: option, choices, isFile, hasValue }) => {
      if (isFile) return [`        --${option}) COMPREPLY=($(compgen -f -- "$word")); return ;;`];
      if (!hasValue) return [];
      return [`        --${option}) COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$word")); return ;;`];
    });
    const all = [...words, ...options.map((option) => `--${option.name}`)].join(' ');
    return [
      `    ${name})`,
      ...(values.length === 0 ? [] : ['      case "$before" in', ...values, '      esac']),
      `      COMPREPLY=($(compgen -W "${all}" -- "$word"))`,
      '      ;;',
    ].join('\n');
  });
  return [
    '# Completion of gantry. In ~/.bashrc: eval "$(gantry completion bash)"',
    '_gantry() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
    '  COMPREPLY=()',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${names}" -- "$word"))`,
    '    return',
    '  fi',
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    '  esac',
    '}',
    'complete -o default -F _gantry gantry',
    '',
  ].join('\n');
}

function fish(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, summary, options, words = [] }) => {
    const under = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c gantry -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
      ...(words.length === 0 ? [] : [`complete -c gantry ${under} -f -a '${words.join(' ')}'`]),
      ...options.map(({ name: option, help, hasValue, isFile, choices }) => {
        const value = isFile ? ' -r -F' : !hasValue ? '' : choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : ' -x';
        return `complete -c gantry ${under} -l ${option}${value} -d ${quoted(help)}`;
      }),
    ];
  });
  return `# Completion of gantry. In ~/.config/fish/config.fish: gantry completion fish | source\n${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
