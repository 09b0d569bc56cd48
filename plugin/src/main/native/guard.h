/*
 * Reads of mapped files. A file that is cut short beneath its mapping makes a read beyond its end a
 * SIGBUS, which would end the process. A thread that has set a place to go on from is sent there
 * instead; a fault of any other thread, or of another kind, is left to the handler before (the
 * JVM's, which turns those of Java code into an InternalError).
 *
 *   sigjmp_buf place;
 *   sigjmp_buf *before = calm_guard_enter(&place);
 *   if (sigsetjmp(place, 0) == 0) {
 *     ... reads of mapped memory, and nothing that would have to be undone ...
 *   } else {
 *     ... a read has faulted ...
 *   }
 *   calm_guard_leave(before);
 *
 * Setting a place costs some nanoseconds and no system call; reads cost what they did.
 */
#ifndef CALM_GUARD_H
#define CALM_GUARD_H

#include <setjmp.h>

/* Puts the handler in front of the one that there is, once for the process. */
void calm_guard_install(void);

/* Sets the calling thread's place; returns the one it had, to be given to calm_guard_leave. */
sigjmp_buf *calm_guard_enter(sigjmp_buf *place);

void calm_guard_leave(sigjmp_buf *before);

/* Goes on at the calling thread's place, as a fault does; returns if it has none. */
void calm_guard_raise(void);

#endif
