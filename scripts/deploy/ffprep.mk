# Rules that resize photos to one exact size, for GNU make 4.2 or later: docs/operations/make.md
#
#   FFPREP_SIZE := 1280x720
#   include ffprep.mk
#   all: ready/cat.jpg            # one photo, from photos/cat.jpg (or .heic, .png, ...)
#   all: $(FFPREP_PICTURES)       # every photo, with a rule for each
#   all: $(FFPREP_STAMP)          # every photo, with one ffprep: for more than a few thousand photos
#
# You do not need .DELETE_ON_ERROR: an output gets its final name only after it was verified.

ffprep_goal := $(.DEFAULT_GOAL)

FFPREP        ?= ffprep
FFPREP_SIZE   ?=
FFPREP_FLAGS  ?=
FFPREP_FROM   ?= photos
FFPREP_TO     ?= ready
FFPREP_SUFFIX ?= jpg
FFPREP_DEPS   ?= $(FFPREP_TO)/.deps
FFPREP_STAMP  ?= $(FFPREP_DEPS)/folder.stamp

ffprep_suffixes := jpg jpeg jpe jfif mpo png apng webp gif bmp dib tif tiff avif heic heif hif jp2 j2k jpx j2c jxl
ffprep_suffixes += JPG JPEG PNG TIF TIFF HEIC HIF

# The command for recipe lines. The + passes on make's jobserver. Under -n, -q and -t it is left out,
# because make runs lines with a + even then.
ffprep = $(if $(strip $(foreach flag,n q t,$(findstring $(flag),$(firstword -$(MAKEFLAGS))))),,+)$(FFPREP)

ffprep_convert = $(ffprep) convert $(addprefix --size ,$(FFPREP_SIZE)) $(FFPREP_FLAGS)
ffprep_quoted = '$(subst ','\'',$(1))'

# The options of the last run. If they change, everything is made again.
ffprep_options := $(FFPREP_SIZE) $(FFPREP_FLAGS)
$(FFPREP_DEPS)/options: $(if $(subst x$(ffprep_options),,x$(file <$(FFPREP_DEPS)/options)),ffprep_changed)
	@mkdir -p $(@D)
	@printf '%s\n' $(call ffprep_quoted,$(ffprep_options)) > $@
.PHONY: ffprep_changed

define ffprep_rule
$(FFPREP_TO)/%.$(1): $(FFPREP_FROM)/%.$(2) $(FFPREP_DEPS)/options
	$$(ffprep_convert) -o $$(call ffprep_quoted,$$@) --depfile $$(call ffprep_quoted,$(FFPREP_DEPS)/$$*.$(1).d) -- $$(call ffprep_quoted,$$<)
endef
$(foreach to,jpg png webp avif jxl,$(foreach from,$(ffprep_suffixes),$(eval $(call ffprep_rule,$(to),$(from)))))

# The stamp has the time of the start of the run, so photos that change during the run are newer. Only
# a successful run leaves a depfile and so a stamp, also under make -i. (With && in the line, make would
# start a shell, and SIGTERM would end only the shell.)
$(FFPREP_STAMP): $(FFPREP_DEPS)/options
	@rm -f $@.d.new; touch $@.new
	$(ffprep_convert) -o $(FFPREP_TO)/ --depfile $@.d.new --depfile-target $@ -- $(FFPREP_FROM)
	@mv $@.d.new $@.d && mv $@.new $@

ffprep_names := $(foreach suffix,$(ffprep_suffixes),-o -name '*.$(suffix)')
ffprep_found = $(shell cd $(FFPREP_FROM) && find . -name '.?*' -prune -o ! -type d \( -false $(ffprep_names) \) -print \
  | sed 's|^\./|$(FFPREP_TO)/|; s/[^.]*$$/$(FFPREP_SUFFIX)/; s/[ :|]/\\&/g')
# Without the folder, make reports that there is no rule to make it.
FFPREP_PICTURES = $(if $(wildcard $(FFPREP_FROM)/.),$(ffprep_found),$(FFPREP_FROM))

ifneq ($(wildcard $(FFPREP_DEPS)),)
-include $(shell find $(FFPREP_DEPS) -name '*.d' | sed 's/ /\\ /g')
endif

# The Makefile that includes this file sets the default goal.
.DEFAULT_GOAL := $(ffprep_goal)
