/** Families as a program knows them, in each test: their errors are rows of the error table. */
import '../../src/lib/families.ts';
