/*-------------------------------------------------------------------------
 *
 * sha256.c
 *	  SHA-256 of something short.
 *
 * Core's comes from OpenSSL, as a rule, where setting up and cleaning up takes
 * several times as long as a name takes to be hashed.  This is FIPS 180-4 as
 * it is written there, in one call, without allocating and without errors.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "base/sha256.h"

#define BLOCK_BYTES 64
#define LENGTH_BYTES 8			/* of the length, at the end of the last block */
#define ROUNDS 64

/* Section 4.2.2: from the cube roots of the first 64 primes */
static const uint32 round_constants[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

/* Section 5.3.3: from the square roots of the first 8 primes */
static const uint32 initial_state[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
};

/* Section 4.1.2; Ch and Maj in the form that takes an operation less */
#define ROTR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define CH(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJ(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))
#define SUM0(x) (ROTR(x, 2) ^ ROTR(x, 13) ^ ROTR(x, 22))
#define SUM1(x) (ROTR(x, 6) ^ ROTR(x, 11) ^ ROTR(x, 25))
#define SIGMA0(x) (ROTR(x, 7) ^ ROTR(x, 18) ^ (x) >> 3)
#define SIGMA1(x) (ROTR(x, 17) ^ ROTR(x, 19) ^ (x) >> 10)

/* A round, where the caller renames the variables in place of moving them on */
#define ROUND(a, b, c, d, e, f, g, h, t) \
	do { \
		uint32		t1 = (h) + SUM1(e) + CH(e, f, g) + round_constants[t] + schedule[t]; \
		(d) += t1; \
		(h) = t1 + SUM0(a) + MAJ(a, b, c); \
	} while (0)

/* Section 6.2.2, step 1 */
static void
make_schedule(const uint8 *block, uint32 schedule[ROUNDS])
{
	memcpy(schedule, block, BLOCK_BYTES);
	for (int t = 0; t < 16; t++)
		schedule[t] = pg_ntoh32(schedule[t]);
	for (int t = 16; t < ROUNDS; t++)
		schedule[t] = SIGMA1(schedule[t - 2]) + schedule[t - 7] +
			SIGMA0(schedule[t - 15]) + schedule[t - 16];
}

/* Section 6.2.2, steps 2 to 4 */
static void
add_block(uint32 state[8], const uint8 *block)
{
	uint32		schedule[ROUNDS];
	uint32		a = state[0],
				b = state[1],
				c = state[2],
				d = state[3],
				e = state[4],
				f = state[5],
				g = state[6],
				h = state[7];

	make_schedule(block, schedule);
	for (int t = 0; t < ROUNDS; t += 8)
	{
		ROUND(a, b, c, d, e, f, g, h, t);
		ROUND(h, a, b, c, d, e, f, g, t + 1);
		ROUND(g, h, a, b, c, d, e, f, t + 2);
		ROUND(f, g, h, a, b, c, d, e, t + 3);
		ROUND(e, f, g, h, a, b, c, d, t + 4);
		ROUND(d, e, f, g, h, a, b, c, t + 5);
		ROUND(c, d, e, f, g, h, a, b, t + 6);
		ROUND(b, c, d, e, f, g, h, a, t + 7);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

/*
 * Section 5.1.1: what is left of the data after whole blocks, padded to one
 * block or two.  Returns how many.
 */
static int
pad(const uint8 *rest, size_t rest_length, size_t length, uint8 padded[2 * BLOCK_BYTES])
{
	int			blocks = rest_length + 1 + LENGTH_BYTES <= BLOCK_BYTES ? 1 : 2;
	uint64		bits = pg_hton64((uint64) length * 8);

	memset(padded, 0, blocks * BLOCK_BYTES);
	memcpy(padded, rest, rest_length);
	padded[rest_length] = 0x80;
	memcpy(padded + blocks * BLOCK_BYTES - LENGTH_BYTES, &bits, LENGTH_BYTES);
	return blocks;
}

/* The SHA-256 of that many bytes; cannot fail. */
void
sha256(const uint8 *data, size_t length, uint8 digest[SHA256_BYTES])
{
	uint32		state[8];
	uint8		last[2 * BLOCK_BYTES];
	size_t		whole = length - length % BLOCK_BYTES;
	int			blocks = pad(data + whole, length - whole, length, last);

	memcpy(state, initial_state, sizeof(state));
	for (size_t at = 0; at < whole; at += BLOCK_BYTES)
		add_block(state, data + at);
	for (int i = 0; i < blocks; i++)
		add_block(state, last + i * BLOCK_BYTES);
	for (int i = 0; i < 8; i++)
		state[i] = pg_hton32(state[i]);
	memcpy(digest, state, SHA256_BYTES);
}
