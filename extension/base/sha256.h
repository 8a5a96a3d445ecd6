/*-------------------------------------------------------------------------
 *
 * sha256.h
 *	  SHA-256 of something short.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef SHA256_H
#define SHA256_H

#define SHA256_BYTES 32

extern void sha256(const uint8 *data, size_t length, uint8 digest[SHA256_BYTES]);

#endif							/* SHA256_H */
