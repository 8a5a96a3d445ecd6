/*
 * zookeeper HOSTS NAME COMMAND...: runs a command under a lock of ZooKeeper, as
 * its recipe has it: a node in a sequence that lasts as long as the session, and
 * a watch on the one before it.
 *
 * Copyright (c) 2026 the advisory_lock authors
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#define SESSION_MS	30000

static sem_t connected;
static sem_t changed;

static void
on_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
	if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE)
		sem_post(&connected);
}

static void
on_node(zhandle_t *zh, int type, int state, const char *path, void *context)
{
	if (type != ZOO_SESSION_EVENT)
		sem_post(&changed);
}

static int
create_node(zhandle_t *zh, const char *parent, char *path, size_t size)
{
	char		prefix[256];

	snprintf(prefix, sizeof(prefix), "%s/lock-", parent);
	return zoo_create(zh, prefix, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL | ZOO_SEQUENCE, path, size);
}

/* The node that comes before ours into path; false if none does. */
static int
find_previous(zhandle_t *zh, const char *parent, const char *ours, char *path, size_t size)
{
	struct String_vector nodes;
	const char *previous = NULL;

	if (zoo_get_children(zh, parent, 0, &nodes) != ZOK)
		exit(1);
	for (int i = 0; i < nodes.count; i++)
	{
		if (strcmp(nodes.data[i], ours) < 0 && (!previous || strcmp(nodes.data[i], previous) > 0))
			previous = nodes.data[i];
	}
	if (previous)
		snprintf(path, size, "%s/%s", parent, previous);
	deallocate_String_vector(&nodes);
	return previous != NULL;
}

/* For who counts those that wait. */
static void
say_waiting(void)
{
	FILE	   *file = fopen("waiting", "a");

	if (file)
	{
		fputs("zookeeper\n", file);
		fclose(file);
	}
}

static int
run(char **command)
{
	int			status = 1;
	pid_t		pid = fork();

	if (pid == 0)
	{
		execvp(command[0], command);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

int
main(int argc, char **argv)
{
	char		parent[128],
				ours[256],
				previous[256];
	struct Stat stat;
	zhandle_t  *zh;
	int			status;

	if (argc < 4)
		return 1;
	zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
	sem_init(&connected, 0, 0);
	sem_init(&changed, 0, 0);
	zh = zookeeper_init(argv[1], on_session, SESSION_MS, NULL, NULL, 0);
	if (!zh)
		return 1;
	sem_wait(&connected);
	snprintf(parent, sizeof(parent), "/%s", argv[2]);
	if (create_node(zh, parent, ours, sizeof(ours)) != ZOK)
	{
		zoo_create(zh, parent, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
		if (create_node(zh, parent, ours, sizeof(ours)) != ZOK)
			return 1;
	}
	for (int tries = 0; find_previous(zh, parent, ours + strlen(parent) + 1, previous, sizeof(previous)); tries++)
	{
		if (zoo_wexists(zh, previous, on_node, NULL, &stat) != ZOK)
			continue;
		if (tries == 0)
			say_waiting();
		sem_wait(&changed);
	}
	status = run(argv + 3);
	zoo_delete(zh, ours, -1);
	zookeeper_close(zh);
	return status;
}
