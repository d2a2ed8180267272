import type { PolicyDocument, Statement } from '../access.ts';

/** One authorization question, as AWS asks it: an action on one resource, with what is known of the request. */
export interface Question {
  readonly action: string;
  readonly resource: string;
  /** Several values where the key has several. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
}

/** `*` stands for any characters; nothing else is special. */
function like(pattern: string, value: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(value);
}

function holds(operator: string, key: string, wanted: readonly string[], question: Question) {
  const given = question.context?.[key];
  const [quantifier, compare] = operator.startsWith('ForAllValues:')
    ? ['all', operator.slice('ForAllValues:'.length)]
    : ['one', operator];
  if (given === undefined) {
    // Without the key nothing equals anything, but all of no values do.
    return quantifier === 'all';
  }
  const matches = (value: string): boolean => {
    switch (compare) {
      case 'StringEquals':
      case 'Bool':
        return wanted.includes(value);
      case 'StringLike':
      case 'ArnEquals':
        return wanted.some((pattern) => like(pattern, value));
      default:
        throw new Error(`the evaluator does not know ${operator}`);
    }
  };
  return typeof given === 'string' ? matches(given) : given.every(matches);
}

function applies(statement: Statement, question: Question): boolean {
  return (
    statement.Action.includes(question.action) &&
    statement.Resource.some((pattern) => like(pattern, question.resource)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) =>
        holds(operator, key, typeof wanted === 'string' ? [wanted] : wanted, question),
      ),
    )
  );
}

/**
 * Whether a document permits it, by IAM's rule: a deny wins, otherwise one allow is needed. It knows the operators that
 * our documents use, and no more.
 */
export function permits(document: PolicyDocument, question: Question): boolean {
  const applying = document.Statement.filter((statement) => applies(statement, question));
  return (
    applying.every(({ Effect }) => Effect === 'Allow') &&
    applying.some(({ Effect }) => Effect === 'Allow')
  );
}
