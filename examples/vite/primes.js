import thawPrimes from './primes.scm?freeze';

/** The primes below 100, as the Scheme program prints them. */
export async function primes() {
  const app = await thawPrimes();
  app.call('main');
  return app.stdout();
}
