#!/usr/bin/env node
/**
 * Starts `freeze`. What compiling its own code gives is kept by Node, where it can (22.1 and later), so
 * that the next run need not do it again.
 */
import * as nodeModule from 'node:module';

// The types are those of Node 20.
(nodeModule as { readonly enableCompileCache?: () => void }).enableCompileCache?.();
void import('./main.ts');
