/*
 * Who a process of this machine is, as a text that another one can ask about:
 * whether it is still there.  Linux's /proc; where that is not to be read, or
 * another machine or another namespace of process ids made the text, nothing
 * is known, and nobody is said to be gone.
 */

#ifndef CR_CORE_PROCESS_H
#define CR_CORE_PROCESS_H

#include "core/ctx.h"

#define CR_PROCESS_TEXT_MAX 128

/*
 * "boot namespace pid start", of the calling process, into out.  boot names
 * the machine and its run.  Returns the length; 0: cannot be told.
 */
size_t cr_process_self(cr_ctx_t *cx, cr_str_t boot,
                       char out[CR_PROCESS_TEXT_MAX]);
/*
 * Has the process of `text` ended, as far as the one of `self` can know?  Both
 * as cr_process_self made them.  Two small reads; never fails.
 */
bool cr_process_gone(cr_ctx_t *cx, cr_str_t self, cr_str_t text);

#endif
