import { primes } from './primes.js';

document.getElementById('out').textContent = await primes();
