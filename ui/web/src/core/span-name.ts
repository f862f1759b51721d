/**
 * Splits `shop.cart.v1.Cart/Get` into its package and what tells it apart; other names stay whole.
 * Both parts together are the name.
 */
export function splitName(name: string): { prefix: string; rest: string } {
  const match = /^((?:[a-z]\w*\.)+)([A-Z]\w*\/\w+)$/.exec(name);
  return match ? { prefix: match[1], rest: match[2] } : { prefix: '', rest: name };
}
