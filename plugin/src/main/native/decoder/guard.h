/*
 * Safe reads of mapped files. If a mapped file is cut short, a read beyond its end raises SIGBUS,
 * which would end the process. A thread that has set a return point continues there instead. A
 * fault of any other thread, or of another kind, goes to the previous handler (the JVM's, which
 * turns faults of Java code into an InternalError).
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
 * Setting a return point costs some nanoseconds and no system call; reads cost nothing extra.
 */
#ifndef CALM_GUARD_H
#define CALM_GUARD_H

#include <setjmp.h>

/* Installs the handler in front of the existing one, once per process. */
void calm_guard_install(void);

/* Sets the calling thread's return point; returns the previous one for calm_guard_leave. */
sigjmp_buf *calm_guard_enter(sigjmp_buf *place);

void calm_guard_leave(sigjmp_buf *before);

/* Continues at the calling thread's return point, as a fault does; returns if there is none. */
void calm_guard_raise(void);

#endif
