/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  Runs a fuzzer's function on files, where there is no libFuzzer.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");
		uint8_t    *data = malloc(1 << 20);
		size_t		size;

		if (file == NULL || data == NULL)
		{
			perror(argv[i]);
			return 2;
		}
		size = fread(data, 1, 1 << 20, file);
		fclose(file);
		/* exactly as much as there is, so that a read beyond it is seen */
		data = realloc(data, size ? size : 1);
		(void) LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	return 0;
}
