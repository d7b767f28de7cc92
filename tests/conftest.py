from hypothesis import settings

# Two runs of the same tests try the same examples, and a busy machine is no reason to fail.
settings.register_profile("hubbub", deadline=None, derandomize=True)
settings.load_profile("hubbub")
