/* The version of the whole tree: module, job runner, documents. */

#ifndef CR_CORE_VERSION_H
#define CR_CORE_VERSION_H

#define CR_VERSION "0.1.0"

#endif
