/* Empty: a floor's library is the module below it, whole. */
typedef int floor_is_empty;
