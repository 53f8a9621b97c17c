import { parseDefinition } from './parse.ts';
import type { StepSyntaxTable } from './step-syntax.ts';

const INTRODUCTION = `# Cookbook

Tasks that people have, each a definition with tests. The files are in [cookbook/](cookbook/); \`mcp-workflow test docs/cookbook\` runs them all,
and this page is made from them (\`npm run reference\`). Server names are examples: put yours. Every key is in
[definition-reference.md](definition-reference.md).
`;

/**
 * The cookbook as Markdown, a chapter a recipe: title, description and the definition without its tests.
 * @throws Error naming the file when a recipe is not valid or lacks a title, a description or tests
 */
export function cookbook(
  recipes: readonly { readonly file: string; readonly text: string }[],
  syntaxes: StepSyntaxTable,
): string {
  const chapters = recipes.map(({ file, text }) => {
    const { loaded, issues } = parseDefinition(text, file, syntaxes);
    if (loaded === undefined) throw new Error(`${file}: ${issues[0]?.message ?? 'not valid'}`);
    const { title, description, tests } = loaded.definition;
    if (title === undefined || description === undefined || tests.length === 0) {
      throw new Error(`${file}: a recipe has a title, a description and tests`);
    }
    const shown = text.slice(0, text.indexOf('\ntests:\n')).trimEnd();
    const names = tests.map(({ name }) => name).join('; ');
    return {
      title,
      text: `## ${title}\n\n${description}\n\n\`\`\`yaml\n${shown}\n\`\`\`\n\nTests in [${file}](cookbook/${file}): ${names}.\n`,
    };
  });
  const contents = chapters.map(({ title }) => `- [${title}](#${anchor(title)})`).join('\n');
  return [INTRODUCTION, `${contents}\n`, ...chapters.map(({ text }) => text)].join('\n');
}

/** As Markdown viewers make the address of a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
    .replaceAll(' ', '-');
}
