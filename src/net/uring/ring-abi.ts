// The kernel's side of io_uring, as far as it is used here: numbers and layouts of
// include/uapi/linux/io_uring.h (Linux 6.0 and later). They are the same on x86_64 and arm64.
//
//   submission entry, 64 bytes, as int32 words
//   | 0 opcode 8, flags 8, ioprio 16 | 1 fd | 2-3 offset | 4-5 address | 6 length | 7 op flags |
//   | 8-9 user data | 10 buffer group 16, personality 16 | 11 file index | 12-15 zero |
//   completion entry, 16 bytes: | 0-1 user data | 2 result | 3 flags |

export const SYS_IO_URING_SETUP = 425;
export const SYS_IO_URING_ENTER = 426;
export const SYS_IO_URING_REGISTER = 427;

// io_uring_setup
export const SETUP_CQSIZE: number = 1 << 3;
export const SETUP_CLAMP: number = 1 << 4;
export const SETUP_SUBMIT_ALL: number = 1 << 7;
export const SETUP_COOP_TASKRUN: number = 1 << 8;
export const SETUP_SINGLE_ISSUER: number = 1 << 12; // its presence says: Linux 6.0 or later
export const FEATURE_SINGLE_MMAP: number = 1 << 0;
export const FEATURE_NODROP: number = 1 << 1;
export const FEATURE_EXT_ARG: number = 1 << 8;
export const FEATURE_CQE_SKIP: number = 1 << 11;

// struct io_uring_params, as uint32 words
export const PARAMS_WORDS = 30;
export const PARAM_SQ_ENTRIES = 0;
export const PARAM_CQ_ENTRIES = 1;
export const PARAM_FLAGS = 2;
export const PARAM_FEATURES = 5;
export const PARAM_SQ_HEAD = 10;
export const PARAM_SQ_TAIL = 11;
export const PARAM_SQ_FLAGS = 14;
export const PARAM_SQ_ARRAY = 16;
export const PARAM_CQ_HEAD = 20;
export const PARAM_CQ_TAIL = 21;
export const PARAM_CQ_ENTRIES_AT = 25;

export const MMAP_OFFSET_RINGS = 0;
export const MMAP_OFFSET_ENTRIES = 0x1000_0000;

/** In the flags of the submission queue: completions wait that found no room. */
export const QUEUE_OVERFLOW: number = 1 << 1;

// io_uring_enter and io_uring_register
export const ENTER_GETEVENTS = 1;
export const ENTER_EXT_ARG: number = 1 << 3; // struct io_uring_getevents_arg, with a timeout
export const REGISTER_BUFFER_RING = 22;

// Opcodes
export const OP_NOP = 0;
export const OP_POLL_ADD = 6;
export const OP_ACCEPT = 13;
export const OP_ASYNC_CANCEL = 14;
export const OP_CLOSE = 19;
export const OP_SEND = 26;
export const OP_RECV = 27;

// Flags of an entry, its ioprio field, and its op flags
export const ENTRY_BUFFER_SELECT: number = 1 << 5;
export const ENTRY_SKIP_SUCCESS: number = 1 << 6; // no completion unless it failed
export const RECV_MULTISHOT: number = 1 << 1;
export const CANCEL_ALL: number = 1 << 0;
export const POLL_MULTISHOT = 1; // in the length field

// Flags of a completion
export const DONE_BUFFER: number = 1 << 0; // its number is in the upper 16 bits
export const DONE_MORE: number = 1 << 1; // the request goes on
export const DONE_BUFFER_SHIFT = 16;

// Of the socket calls behind the opcodes
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x8_0000;
export const SHUT_WR = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;

// errno
export const EINTR = 4;
export const EAGAIN = 11;
export const EBUSY = 16;
export const ETIME = 62;
export const ENOBUFS = 105;
export const ECANCELED = 125;
export const ECONNABORTED = 103;
