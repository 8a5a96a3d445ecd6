/*
 * redis SOCKET NAME COMMAND...: runs a command under a lock of Redis, as its
 * documentation has it: SET NX with an expiry, asked for again every 10 ms,
 * and at the end a script that deletes it if it is still ours.
 *
 * Copyright (c) 2026 the advisory_lock authors
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_US	10000
#define EXPIRY_MS	"30000"
#define RELEASE \
	"if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"

static int
connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(sock, (struct sockaddr *) &address, sizeof(address)) == 0 ? sock : -1;
}

/* Sends a command, and returns the first character of the answer, ours being short. */
static char
ask(int sock, int count, const char *const *words)
{
	char		message[1024],
				answer[256];
	int			length = snprintf(message, sizeof(message), "*%d\r\n", count);

	for (int i = 0; i < count; i++)
		length += snprintf(message + length, sizeof(message) - length, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
	if (write(sock, message, length) != length || read(sock, answer, sizeof(answer)) <= 0)
		return '-';
	return answer[0];
}

/* For who counts those that wait. */
static void
say_waiting(void)
{
	FILE	   *file = fopen("waiting", "a");

	if (file)
	{
		fputs("redis\n", file);
		fclose(file);
	}
}

int
main(int argc, char **argv)
{
	char		owner[32];
	const char *take[] = {"SET", argc > 3 ? argv[2] : "", owner, "NX", "PX", EXPIRY_MS};
	const char *release[] = {"EVAL", RELEASE, "1", take[1], owner};
	int			sock = argc > 3 ? connect_to(argv[1]) : -1;
	int			status = 1;
	char		answer;
	pid_t		pid;

	snprintf(owner, sizeof(owner), "%d", getpid());
	if (sock < 0)
		return 1;
	for (int tries = 0; (answer = ask(sock, 6, take)) == '$'; tries++)	/* nil */
	{
		if (tries == 0)
			say_waiting();
		usleep(RETRY_US);
	}
	if (answer != '+')
		return 1;
	pid = fork();
	if (pid == 0)
	{
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return ask(sock, 5, release) != ':' || status != 0;
}
