/** The price books: one file each. A line here adds one, and `prices` of a scenario may name it. */
import { awsApSoutheast1 } from './aws-ap-southeast-1.ts';
import type { PriceBook } from './book.ts';
import { techflow } from './techflow.ts';

export * from './book.ts';

export const PRICE_BOOKS: readonly PriceBook[] = [techflow, awsApSoutheast1];

/** The book of that name, or undefined. */
export function priceBook(name: string): PriceBook | undefined {
  return PRICE_BOOKS.find((book) => book.name === name);
}
