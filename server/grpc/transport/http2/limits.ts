/** Bytes of body that a client may send on one stream before they are taken. */
export const STREAM_WINDOW = 4 << 20;
/** The same on all streams of a connection together. */
export const CONNECTION_WINDOW = 32 << 20;
/** Calls of one connection that may run at a time. */
export const MAX_CALLS = 1000;
/** The same with calls that the client has cancelled and that have not ended yet. */
export const MAX_RUNNING = 2 * MAX_CALLS;
/** Streams remembered that ended before the client knew. */
export const MAX_ABANDONED = 1000;
/** Bytes of answers to control frames that a client may leave unread before it is read no further. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/** Frames in a row that bring nothing. */
export const MAX_EMPTY_FRAMES = 1000;
/** Milliseconds that a client has to answer the ping that goes before the last GOAWAY. */
export const GOODBYE_MS = 1000;
/** Milliseconds in which a client has to take something of what is sent to it. */
export const STALL_MS = 300_000;
/** Milliseconds that a client has to close its side when everything was sent. */
export const LINGER_MS = 1000;
/** Milliseconds that a client has to say which protocol it speaks. */
export const HELLO_MS = 60_000;
