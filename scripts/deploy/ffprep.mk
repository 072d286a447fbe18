# Photos to pictures of exactly one size, in a Makefile of yours (GNU make 4.2 or later): docs/operations/make.md.
#
#   FFPREP_SIZE := 1280x720
#   include ffprep.mk
#   all: ready/cat.jpg            # one photo, from photos/cat.jpg (or .heic, .png, ...)
#   all: $(FFPREP_PICTURES)       # every photo, a rule each
#   all: $(FFPREP_STAMP)          # every photo, by one ffprep: what to take for more than some thousand
#
# There is no need for .DELETE_ON_ERROR: what ffprep did not finish and verify has no final name.

ffprep_goal := $(.DEFAULT_GOAL)

FFPREP        ?= ffprep
FFPREP_SIZE   ?=
FFPREP_FLAGS  ?=
FFPREP_FROM   ?= photos
FFPREP_TO     ?= ready
FFPREP_SUFFIX ?= jpg
FFPREP_DEPS   ?= $(FFPREP_TO)/.deps
FFPREP_STAMP  ?= $(FFPREP_DEPS)/folder.stamp

ffprep_suffixes := jpg jpeg jpe jfif mpo png apng webp gif bmp dib tif tiff avif heic heif hif jp2 j2k jpx j2c
ffprep_suffixes += JPG JPEG PNG TIF TIFF HEIC HIF

# Begins a recipe line. The + hands make's jobserver on; without it under -n, -q and -t, which would
# else run the line all the same.
ffprep = $(if $(strip $(foreach flag,n q t,$(findstring $(flag),$(firstword -$(MAKEFLAGS))))),,+)$(FFPREP)

ffprep_convert = $(ffprep) convert $(addprefix --size ,$(FFPREP_SIZE)) $(FFPREP_FLAGS)
ffprep_quoted = '$(subst ','\'',$(1))'

# The options of the last time; another size, and all is made again.
ffprep_options := $(FFPREP_SIZE) $(FFPREP_FLAGS)
$(FFPREP_DEPS)/options: $(if $(subst x$(ffprep_options),,x$(file <$(FFPREP_DEPS)/options)),ffprep_changed)
	@mkdir -p $(@D)
	@printf '%s\n' $(call ffprep_quoted,$(ffprep_options)) > $@
.PHONY: ffprep_changed

define ffprep_rule
$(FFPREP_TO)/%.$(1): $(FFPREP_FROM)/%.$(2) $(FFPREP_DEPS)/options
	$$(ffprep_convert) -o $$(call ffprep_quoted,$$@) --depfile $$(call ffprep_quoted,$(FFPREP_DEPS)/$$*.$(1).d) -- $$(call ffprep_quoted,$$<)
endef
$(foreach to,jpg png webp,$(foreach from,$(ffprep_suffixes),$(eval $(call ffprep_rule,$(to),$(from)))))

# The stamp is as old as the beginning of the run: what changes meanwhile is newer. Only a run that went
# well leaves a depfile, and so a stamp, under make -i too. (&& would take a shell, which SIGTERM ends alone.)
$(FFPREP_STAMP): $(FFPREP_DEPS)/options
	@rm -f $@.d.new; touch $@.new
	$(ffprep_convert) -o $(FFPREP_TO)/ --depfile $@.d.new --depfile-target $@ -- $(FFPREP_FROM)
	@mv $@.d.new $@.d && mv $@.new $@

ffprep_names := $(foreach suffix,$(ffprep_suffixes),-o -name '*.$(suffix)')
ffprep_found = $(shell cd $(FFPREP_FROM) && find . -name '.?*' -prune -o ! -type d \( -false $(ffprep_names) \) -print \
  | sed 's|^\./|$(FFPREP_TO)/|; s/[^.]*$$/$(FFPREP_SUFFIX)/; s/[ :|]/\\&/g')
# Where there is no folder, make has no rule to make that, and says so.
FFPREP_PICTURES = $(if $(wildcard $(FFPREP_FROM)/.),$(ffprep_found),$(FFPREP_FROM))

ifneq ($(wildcard $(FFPREP_DEPS)),)
-include $(shell find $(FFPREP_DEPS) -name '*.d' | sed 's/ /\\ /g')
endif

# What is made by default is said by the Makefile that includes this one.
.DEFAULT_GOAL := $(ffprep_goal)
