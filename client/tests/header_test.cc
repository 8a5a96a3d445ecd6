// advlock.h alone, in C++: its types and functions are usable from there.
#include <advlock.h>

static_assert(ADVLOCK_OK == 0, "success is zero");

int
main()
{
	advlock_options o;

	advlock_options_init(&o);
	advlock *h = nullptr;
	bool refused = advlock_lock(h, "x", &o) == ADVLOCK_INVALID;

	advlock_close(h);
	return refused && advlock_result_text(ADVLOCK_OK)[0] != '\0' ? 0 : 1;
}
