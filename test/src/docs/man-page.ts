import { buildProgram, manPage } from '@godwit/agent';

export const manPath = 'docs/man/godwit.1';

/** The page as the table of commands has it now. */
export function manPageNow(): string {
  return manPage(tableOfCommands());
}

/** The table alone: nobody is asked. */
export function tableOfCommands(): ReturnType<typeof buildProgram> {
  return buildProgram({ ask: () => Promise.resolve(undefined), fail: () => undefined });
}
