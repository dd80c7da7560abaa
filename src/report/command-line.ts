/** An option's value, as a command line or a person reads it. */
export type OptionValue = string | number | null;

/**
 * The command that makes a run again.
 * @param options those that are not at their default, by name; null ones are left out
 */
export function replayCommand(recording: string, options: Readonly<Record<string, OptionValue>>): string {
  return commandLine('replay', recording, options);
}

/** The command that makes a comparison again; options as there. */
export function compareCommand(recording: string, options: Readonly<Record<string, OptionValue>>): string {
  return commandLine('compare', recording, options);
}

function commandLine(
  command: string,
  recording: string,
  options: Readonly<Record<string, OptionValue>>,
): string {
  const given = Object.entries(options)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => ` --${kebab(name)} ${quoted(`${value}`)}`);
  return `viewal ${command} ${quoted(recording)} --out runs/again${given.join('')}`;
}

/** An option's name as on the command line. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** As a shell reads it: in single quotes where it holds more than plain characters. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
