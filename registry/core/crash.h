/*
 * Named places where a test ends the process as a power cut or kill -9
 * would: CR_CRASH("upload.synced").  They exist in builds with
 * -DCR_CRASH_POINTS only (make BUILD=crash); elsewhere they are nothing.
 *
 * The environment's CR_CRASH_AT names a file.  While that file exists and
 * holds "NAME N VICTIM", the N-th passing of point NAME (counted over all
 * processes) removes the file, so that it happens once, and kills: VICTIM
 * "self" this process, "group" its whole process group (nginx with its
 * master).  So a running program can be armed at any moment.
 */

#ifndef CR_CORE_CRASH_H
#define CR_CORE_CRASH_H

#ifdef CR_CRASH_POINTS

#define CR_CRASH(z_name) cr_crash_point(z_name)

/* Any thread; does not return when this is the place. */
void cr_crash_point(const char *z_name);

#else

#define CR_CRASH(z_name) ((void) 0)

#endif

#endif
