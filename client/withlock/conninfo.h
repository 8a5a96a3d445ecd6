/*-------------------------------------------------------------------------
 *
 * conninfo.h
 *	  Where to connect, from options and environment.
 *
 * Copyright (c) 2026 the advisory_lock authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WITHLOCK_CONNINFO_H
#define WITHLOCK_CONNINFO_H

#include "withlock/withlock.h"

/*
 * Put --db (or $WITHLOCK_DB, or $PG_CONNECTION_STRING), -h, -p and -U
 * together into *conninfo, to be freed; as in psql, a connection string wins
 * over -h, -p and -U.  A password that stands in the command line is
 * overwritten there, so that other users do not see it.
 *
 * *target gets what tells databases apart, as "host:port/dbname" or alike, to
 * be freed too.  Returns false after saying what is wrong; the message never
 * holds a part of the connection string, which may have a password anywhere.
 */
extern bool conninfo_build(Options *options, char **conninfo, char **target);

#endif							/* WITHLOCK_CONNINFO_H */
