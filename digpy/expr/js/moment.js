// `moment`: points in time and durations, with the interface and the results of moment.js 2.21.0 (English).
//
// Written for digpy from the documented behaviour of that library and from recorded results; none of its source is
// here. Local time is that of `Date` (date.js), so no zone is known to this file.
//
// A moment is an instant (`_ms`) and a way to look at it: as local time, or at a fixed offset (`_isUTC`, `_offset`
// in minutes). What reads a moment does so through a `Date` that shows the right fields, see `face`.
(function (global) {
  'use strict';

  var Date = global.__digpy_install.Date;
  var floor = Math.floor, round = Math.round, abs = Math.abs;
  var SECOND = 1000, MINUTE = 6e4, HOUR = 36e5, DAY = 864e5;
  // places in the list of a date's parts
  var YEAR = 0, MONTH = 1, DATE = 2, HOURS = 3, MINUTES = 4, SECONDS = 5, MILLIS = 6, WEEK = 7, WEEKDAY = 8;

  // ------------------------------------------------------------------- basics

  function typeName(value) {
    return Object.prototype.toString.call(value).slice(8, -1);
  }

  function isNumber(value) {
    return typeName(value) === 'Number';
  }

  function isObject(value) {
    return value !== null && value !== undefined && typeName(value) === 'Object';
  }

  function isFunction(value) {
    return typeof value === 'function';
  }

  function isDate(value) {
    return value instanceof Date || typeName(value) === 'Date';
  }

  function has(object, key) {
    return Object.prototype.hasOwnProperty.call(object, key);
  }

  function assign(target, source) {
    for (var key in source) if (has(source, key)) target[key] = source[key];
    return target;
  }

  function modulo(a, b) {
    return (a % b + b) % b;
  }

  function truncate(number) {
    return number < 0 ? Math.ceil(number) || 0 : floor(number);
  }

  function awayFromZero(number) {
    return number < 0 ? floor(number) : Math.ceil(number);
  }

  function integer(value) { // 0 for what is not a finite number
    value = +value;
    return value !== 0 && isFinite(value) ? truncate(value) : 0;
  }

  function pad(number, width, signed) {
    var digits = '' + abs(number);
    while (digits.length < width) digits = '0' + digits;
    return (number >= 0 ? signed ? '+' : '' : '-') + digits;
  }

  // -------------------------------------------------------------------- units

  // The words for each unit (any case, singular or plural), its short form (exact), and the order in which
  // `set({...})` applies several of them.
  var UNITS = {
    year: ['y', 1], quarter: ['Q', 7], month: ['M', 8], week: ['w', 5], isoWeek: ['W', 5], date: ['D', 9],
    day: ['d', 11], weekday: ['e', 11], isoWeekday: ['E', 11], dayOfYear: ['DDD', 4], hour: ['h', 13],
    minute: ['m', 14], second: ['s', 15], millisecond: ['ms', 16], weekYear: ['gg', 1], isoWeekYear: ['GG', 1]
  };
  var UNIT_OF = {};
  Object.keys(UNITS).forEach(function (unit) {
    var word = unit.toLowerCase();
    UNIT_OF[word] = UNIT_OF[word + 's'] = UNIT_OF[UNITS[unit][0]] = unit;
  });

  function unitOf(text) {
    if (typeof text !== 'string') return undefined;
    if (has(UNIT_OF, text)) return UNIT_OF[text];
    return has(UNIT_OF, text.toLowerCase()) ? UNIT_OF[text.toLowerCase()] : undefined;
  }

  function unitsIn(object) {
    var found = {};
    for (var key in object) {
      if (has(object, key) && unitOf(key)) found[unitOf(key)] = object[key];
    }
    return found;
  }

  // ----------------------------------------------------------------- calendar

  function utcTime(year, month, day, hours, minutes, seconds, ms) {
    var date = new Date(0);
    date.setUTCFullYear(year, month, day);
    return date.setUTCHours(hours || 0, minutes || 0, seconds || 0, ms || 0);
  }

  function localTime(parts) {
    // A year below 100 would be taken for one of the last century; 400 years later the calendar is the same.
    var early = parts[YEAR] >= 0 && parts[YEAR] < 100;
    var date = new Date(parts[0] + (early ? 400 : 0), parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]);
    return date.getTime() - (early ? 146097 * DAY : 0);
  }

  function dayNumber(year, month, day) {
    return utcTime(year, month, day) / DAY;
  }

  function isLeap(year) {
    return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  }

  function daysInYear(year) {
    return isLeap(year) ? 366 : 365;
  }

  function daysInMonth(year, month) {
    if (isNaN(year) || isNaN(month)) return NaN;
    return new Date(utcTime(year, month + 1, 0)).getUTCDate();
  }

  // Weeks begin at weekday `dow`; the first one of a year is that which contains January `7 + dow - doy`.
  function firstWeek(year, dow, doy) {
    var inside = dayNumber(year, 0, 7 + dow - doy);
    return inside - modulo(inside + 4 - dow, 7);
  }

  function weeksInYear(year, dow, doy) {
    return (firstWeek(year + 1, dow, doy) - firstWeek(year, dow, doy)) / 7;
  }

  function weekOf(day, year, dow, doy) { // {week, year} of a day (days since 1970) that lies in `year`
    if (day < firstWeek(year, dow, doy)) year -= 1;
    else if (day >= firstWeek(year + 1, dow, doy)) year += 1;
    return { week: floor((day - firstWeek(year, dow, doy)) / 7) + 1, year: year };
  }

  // ------------------------------------------------------------------ locales

  var ENGLISH = {
    calendar: {
      sameDay: '[Today at] LT', nextDay: '[Tomorrow at] LT', nextWeek: 'dddd [at] LT',
      lastDay: '[Yesterday at] LT', lastWeek: '[Last] dddd [at] LT', sameElse: 'L'
    },
    longDateFormat: {
      LTS: 'h:mm:ss A', LT: 'h:mm A', L: 'MM/DD/YYYY', LL: 'MMMM D, YYYY', LLL: 'MMMM D, YYYY h:mm A',
      LLLL: 'dddd, MMMM D, YYYY h:mm A'
    },
    invalidDate: 'Invalid date',
    ordinal: function (number) {
      var ten = number % 100 - number % 10, one = ten === 10 ? 0 : number % 10;
      return number + (one === 1 ? 'st' : one === 2 ? 'nd' : one === 3 ? 'rd' : 'th');
    },
    dayOfMonthOrdinalParse: /\d{1,2}(th|st|nd|rd)/,
    relativeTime: {
      future: 'in %s', past: '%s ago', s: 'a few seconds', ss: '%d seconds', m: 'a minute', mm: '%d minutes',
      h: 'an hour', hh: '%d hours', d: 'a day', dd: '%d days', M: 'a month', MM: '%d months', y: 'a year',
      yy: '%d years'
    },
    months: ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October',
      'November', 'December'],
    monthsShort: ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
    week: { dow: 0, doy: 6 },
    weekdays: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
    weekdaysMin: ['Su', 'Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa'],
    weekdaysShort: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'],
    meridiemParse: /[ap]\.?m?\.?/i,
    abbr: 'en'
  };

  // The settings of a locale are its `_` properties, as in moment.js; functions become its methods.
  function Locale(config) {
    for (var key in config) {
      if (!has(config, key)) continue;
      if (isFunction(config[key])) this[key] = config[key];
      else this['_' + key] = config[key];
    }
    this._config = config;
    var number = isFunction(this._ordinal) || !this._dayOfMonthOrdinalParse ? '' :
      this._dayOfMonthOrdinalParse.source;
    this._dayOfMonthOrdinalParseLenient = new RegExp(number + '|' + /\d{1,2}/.source);
  }

  function quoted(text) {
    return text.replace(/[-\/\\^$*+?.()|[\]{}]/g, '\\$&');
  }

  function listOf(names) { // of a list, or of {format, standalone}
    return Array.isArray(names) ? names : names.standalone || names.format;
  }

  function namesOf(names, format) {
    if (Array.isArray(names)) return names;
    var inside = names.isFormat || /D[oD]?(\[[^\[\]]*\]|\s)+MMMM?/;
    return names[format && inside.test(format) ? 'format' : 'standalone'];
  }

  function indexOfName(lists, text) { // a name, or a beginning of one if no list has it whole
    var wanted = ('' + text).toLowerCase();
    for (var i = 0; i < lists.length; i++) {
      for (var j = 0; j < lists[i].length; j++) {
        if (lists[i][j].toLowerCase() === wanted) return j;
      }
    }
    return -1;
  }

  assign(Locale.prototype, {
    set: function (config) {
      assign(this, new Locale(assign(assign({}, this._config), config)));
    },
    months: function (moment, format) {
      return moment ? namesOf(this._months, format)[moment.month()] : listOf(this._months);
    },
    monthsShort: function (moment, format) {
      return moment ? namesOf(this._monthsShort, format)[moment.month()] : listOf(this._monthsShort);
    },
    monthsParse: function (text, format, strict) {
      return parseName(this, text, strict, strict && format === 'MMM' ? [] : [listOf(this._months)],
        strict && format === 'MMMM' ? [] : [listOf(this._monthsShort)]);
    },
    weekdays: function (moment, format) {
      return moment ? namesOf(this._weekdays, format)[moment.day()] : listOf(this._weekdays);
    },
    weekdaysShort: function (moment) {
      return moment ? this._weekdaysShort[moment.day()] : this._weekdaysShort;
    },
    weekdaysMin: function (moment) {
      return moment ? this._weekdaysMin[moment.day()] : this._weekdaysMin;
    },
    weekdaysParse: function (text, format, strict) {
      var lists = { dddd: listOf(this._weekdays), ddd: this._weekdaysShort, dd: this._weekdaysMin };
      if (strict && lists[format]) return parseName(this, text, strict, [lists[format]], []);
      return parseName(this, text, strict, [lists.dddd], [lists.ddd, lists.dd]);
    },
    isPM: function (text) {
      return ('' + text).charAt(0).toLowerCase() === 'p';
    },
    meridiem: function (hours, minutes, lower) {
      return hours > 11 ? lower ? 'pm' : 'PM' : lower ? 'am' : 'AM';
    },
    calendar: function (key, moment, now) {
      var text = this._calendar[key] || this._calendar.sameElse;
      return isFunction(text) ? text.call(moment, now) : text;
    },
    longDateFormat: function (key) {
      var format = this._longDateFormat[key], upper = this._longDateFormat[key.toUpperCase()];
      if (format || !upper) return format;
      return upper.replace(/MMMM|MM|DD|dddd/g, function (token) {
        return token.slice(1);
      });
    },
    invalidDate: function () {
      return this._invalidDate;
    },
    ordinal: function (number) {
      return (this._ordinal || '%d').replace('%d', number);
    },
    preparse: function (text) {
      return text;
    },
    postformat: function (text) {
      return text;
    },
    relativeTime: function (number, withoutSuffix, key, isFuture) {
      var text = this._relativeTime[key];
      return isFunction(text) ? text(number, withoutSuffix, key, isFuture) : text.replace(/%d/i, number);
    },
    pastFuture: function (difference, text) {
      var format = this._relativeTime[difference > 0 ? 'future' : 'past'];
      return isFunction(format) ? format(text) : format.replace(/%s/i, text);
    },
    firstDayOfWeek: function () {
      return this._week.dow;
    },
    firstDayOfYear: function () {
      return this._week.doy;
    }
  });

  function parseName(locale, text, strict, full, short) {
    var found = indexOfName(full.concat(short), text);
    if (found >= 0) return found;
    if (strict) return null;
    var wanted = ('' + text).toLowerCase().replace(/\.$/, '');
    for (var i = 0; wanted && full[0] && i < full[0].length; i++) { // `september` and `sept` begin like `Sep`
      var names = full.concat(short);
      for (var j = 0; j < names.length; j++) {
        if (wanted.indexOf(names[j][i].toLowerCase()) === 0) return i;
      }
    }
    return null;
  }

  var locales, currentLocale; // `en` is made when it is first needed

  function resetLocales() {
    locales = {};
    currentLocale = null;
  }

  function english() {
    return locales.en || (locales.en = new Locale(copyOf(ENGLISH)));
  }

  function copyOf(config) { // two levels are enough for what a locale is made of
    var copy = {};
    for (var key in config) copy[key] = isObject(config[key]) ? assign({}, config[key]) : config[key];
    return copy;
  }

  function localeOf(key) {
    if (key && key._locale && key._locale._abbr) key = key._locale._abbr;
    if (key instanceof Locale) return key;
    if (!key) return currentLocale || english();
    var names = Array.isArray(key) ? key : [key];
    for (var i = 0; i < names.length; i++) {
      for (var name = ('' + names[i]).toLowerCase().replace('_', '-'); name; name = name.replace(/-?[^-]*$/, '')) {
        if (name === 'en') return english();
        if (has(locales, name)) return locales[name];
      }
    }
    return Array.isArray(key) ? currentLocale || english() : null;
  }

  function globalLocale(key, values) {
    if (key && values !== undefined) return defineLocale(key, values)._abbr;
    var found = key && localeOf(key);
    if (found) currentLocale = found;
    return localeOf()._abbr;
  }

  function defineLocale(name, config) {
    if (config === null) {
      delete locales[name];
      return null;
    }
    var parent = config.parentLocale && localeOf(config.parentLocale);
    var settings = merged(parent ? parent._config : ENGLISH, config);
    settings.abbr = name;
    currentLocale = locales[name] = new Locale(settings);
    return locales[name];
  }

  function updateLocale(name, config) {
    if (config === null || config === undefined) {
      delete locales[name];
      return localeOf(name);
    }
    var base = localeOf(name);
    var settings = merged(base ? base._config : ENGLISH, config);
    settings.abbr = name;
    currentLocale = locales[name] = new Locale(settings);
    return locales[name];
  }

  function merged(base, changes) {
    var result = copyOf(base);
    for (var key in changes) {
      if (!has(changes, key)) continue;
      result[key] = isObject(changes[key]) && isObject(result[key]) ? assign(result[key], changes[key]) : changes[key];
    }
    return result;
  }

  // ------------------------------------------------------------------- moment

  function Flags() {
    this.empty = false;
    this.unusedTokens = [];
    this.unusedInput = [];
    this.overflow = -2;
    this.charsLeftOver = 0;
    this.nullInput = false;
    this.invalidMonth = null;
    this.invalidFormat = false;
    this.userInvalidated = false;
    this.iso = false;
    this.parsedDateParts = [];
    this.meridiem = null;
    this.rfc2822 = false;
    this.weekdayMismatch = false;
  }

  function flags(changes) {
    return assign(assign({}, new Flags()), changes);
  }

  function Moment(ms, locale) {
    this._ms = ms;
    this._isUTC = false;
    this._offset = 0;
    this._locale = locale;
    this._flags = null; // how the text was read; made on demand where there was none
    this._valid = !isNaN(ms);
  }

  function isMoment(value) {
    return value instanceof Moment;
  }

  function copy(moment) {
    var result = new Moment(moment._ms, moment._locale);
    result._isUTC = moment._isUTC;
    result._offset = moment._offset;
    result._valid = moment.isValid();
    if (moment._flags) result._flags = assign({}, moment._flags);
    result._input = moment._input;
    result._format = moment._format;
    result._strict = moment._strict;
    result._written = moment._written; // the offset that the text had, in minutes
    result._parts = moment._parts;
    if (!result._valid) result._ms = NaN;
    return result;
  }

  function invalid(changes) {
    var result = new Moment(NaN, localeOf());
    result._isUTC = true;
    result._input = NaN;
    result._flags = flags(changes || { userInvalidated: true });
    return result;
  }

  function now() {
    return Date.now();
  }

  // A Date that shows the fields of the moment: local ones by `getHours` ..., others by `getUTCHours` ...
  function face(moment) {
    return new Date(moment._isUTC ? moment._ms + moment._offset * MINUTE : moment._ms);
  }

  function field(moment, name) {
    var date = face(moment);
    return moment._isUTC ? date['getUTC' + name]() : date['get' + name]();
  }

  function putField(moment, name, first, second, third) {
    var date = face(moment), setter = (moment._isUTC ? 'setUTC' : 'set') + name;
    if (third !== undefined) date[setter](first, second, third);
    else if (second !== undefined) date[setter](first, second);
    else date[setter](first);
    moment._ms = date.getTime() - (moment._isUTC ? moment._offset * MINUTE : 0);
  }

  function putMonth(moment, value) {
    putField(moment, 'Month', value, Math.min(field(moment, 'Date'), daysInMonth(field(moment, 'FullYear'), value)));
  }

  function localOffset(moment) { // to a quarter of an hour, as moment.js has it
    return -round(new Date(moment._ms).getTimezoneOffset() / 15) * 15;
  }

  function offsetOf(moment) {
    return moment._isUTC ? moment._offset : localOffset(moment);
  }

  function dayOf(moment) { // days since 1970 of the date it shows
    return dayNumber(field(moment, 'FullYear'), field(moment, 'Month'), field(moment, 'Date'));
  }

  // The same instant as `input` says, seen the way `model` is.
  function like(model, input) {
    if (!model._isUTC) return local(input).local();
    var result = copy(model);
    result._ms = isMoment(input) || isDate(input) ? input.valueOf() : local(input).valueOf();
    return result;
  }

  // ------------------------------------------------------------------ reading

  function local(input, format, locale, strict) {
    return read(input, format, locale, strict, false);
  }

  function utc(input, format, locale, strict) {
    return read(input, format, locale, strict, true).utc();
  }

  function read(input, format, locale, strict, isUTC) {
    if (locale === true || locale === false) {
      strict = locale;
      locale = undefined;
    }
    if (isObject(input) && !isMoment(input) && isEmpty(input) || Array.isArray(input) && input.length === 0) {
      input = undefined;
    }
    var job = {
      input: input, format: format, strict: strict, isUTC: isUTC, useUTC: isUTC, flags: flags(), parts: [],
      locale: localeOf(locale) || localeOf(), ms: undefined, isoWeek: null, week: null
    };
    if (input === null || format === undefined && input === '') return invalid({ nullInput: true });
    if (typeof input === 'string') input = job.input = job.locale.preparse(input);
    if (isMoment(input)) return copy(input);
    if (isDate(input)) job.ms = input.getTime();
    else if (Array.isArray(format)) readFormats(job, format);
    else if (format) readFormat(job, format);
    else readInput(job);
    return finished(job);
  }

  function isEmpty(object) {
    return Object.getOwnPropertyNames(object).length === 0;
  }

  function finished(job) {
    checkRanges(job);
    var result = new Moment(job.ms, job.locale);
    result._isUTC = job.isUTC;
    result._flags = job.flags;
    result._input = job.input;
    result._format = job.format;
    result._strict = job.strict;
    result._written = job.offset;
    result._parts = job.parts;
    result._valid = isSound(job);
    if (!result._valid) result._ms = NaN;
    else if (job.nextDay) result.add(1, 'day');
    return result;
  }

  function isSound(job) {
    var f = job.flags;
    if (isNaN(job.ms) || f.overflow >= 0 || f.empty || f.invalidMonth || f.invalidWeekday || f.weekdayMismatch ||
      f.nullInput || f.invalidFormat || f.userInvalidated || f.meridiem && !f.parsedDateParts.length) return false;
    return !job.strict || f.charsLeftOver === 0 && f.unusedTokens.length === 0 && f.bigHour === undefined;
  }

  // Notes in the flags which part is out of range: -1 none.
  function checkRanges(job) {
    var p = job.parts, f = job.flags;
    if (!p.length || f.overflow !== -2) return;
    var place = p[MONTH] < 0 || p[MONTH] > 11 ? MONTH :
      p[DATE] < 1 || p[DATE] > daysInMonth(p[YEAR], p[MONTH]) ? DATE :
      p[HOURS] < 0 || p[HOURS] > 24 ||
        p[HOURS] === 24 && (p[MINUTES] !== 0 || p[SECONDS] !== 0 || p[MILLIS] !== 0) ? HOURS :
      p[MINUTES] < 0 || p[MINUTES] > 59 ? MINUTES :
      p[SECONDS] < 0 || p[SECONDS] > 59 ? SECONDS :
      p[MILLIS] < 0 || p[MILLIS] > 999 ? MILLIS : -1;
    if (f._overflowDayOfYear && (place < YEAR || place > DATE)) place = DATE;
    if (f._overflowWeeks && place === -1) place = WEEK;
    if (f._overflowWeekday && place === -1) place = WEEKDAY;
    f.overflow = place;
  }

  function readInput(job) {
    var input = job.input;
    if (input === undefined) job.ms = now();
    else if (typeof input === 'string') readText(job);
    else if (Array.isArray(input)) readParts(job, input);
    else if (isObject(input)) {
      var u = unitsIn(input);
      readParts(job, [u.year, u.month, u.day || u.date, u.hour, u.minute, u.second, u.millisecond]);
    } else if (isNumber(input)) job.ms = new Date(input).getTime();
    else job.ms = new Date('' + input + (job.isUTC ? ' UTC' : '')).getTime();
  }

  function readParts(job, parts) {
    job.parts = [];
    for (var i = 0; i < parts.length; i++) job.parts[i] = parts[i] && parseInt(parts[i], 10);
    settle(job);
  }

  // Fills in what was not said and computes the instant.
  function settle(job) {
    if (job.ms !== undefined) return;
    var p = job.parts, today = job.useUTC ? utc() : local();
    var current = [field(today, 'FullYear'), field(today, 'Month'), field(today, 'Date')];
    if ((job.week || job.isoWeek) && isMissing(p[DATE]) && isMissing(p[MONTH])) settleWeek(job, today);
    if (!isMissing(job.dayOfYear)) {
      var year = isMissing(p[YEAR]) ? current[YEAR] : p[YEAR];
      if (job.dayOfYear > daysInYear(year) || job.dayOfYear === 0) job.flags._overflowDayOfYear = true;
      var day = new Date(utcTime(year, 0, job.dayOfYear));
      p[MONTH] = day.getUTCMonth();
      p[DATE] = day.getUTCDate();
    }
    var full = [], i;
    for (i = 0; i < 3 && isMissing(p[i]); i++) full[i] = p[i] = current[i];
    for (; i < 7; i++) full[i] = p[i] = isMissing(p[i]) ? i === DATE ? 1 : 0 : p[i];
    if (full[HOURS] === 24 && full[MINUTES] + full[SECONDS] + full[MILLIS] === 0) {
      job.nextDay = true;
      full[HOURS] = 0;
    }
    job.ms = job.useUTC ? utcTime.apply(null, full) : localTime(full);
    var date = new Date(job.ms), weekday = job.useUTC ? date.getUTCDay() : date.getDay();
    if (!isMissing(job.offset)) job.ms -= job.offset * MINUTE;
    if (job.nextDay) p[HOURS] = 24;
    if (job.week && job.week.d !== undefined && job.week.d !== weekday) job.flags.weekdayMismatch = true;
  }

  function isMissing(value) {
    return value === null || value === undefined;
  }

  function settleWeek(job, today) {
    var iso = job.isoWeek, w = job.week || {};
    var dow = iso ? 1 : job.locale._week.dow, doy = iso ? 4 : job.locale._week.doy;
    var current = weekOf(dayOf(today), field(today, 'FullYear'), dow, doy);
    function first(a, b, c) {
      return !isMissing(a) ? a : !isMissing(b) ? b : c;
    }
    var year = first(iso ? iso.GG : w.gg, job.parts[YEAR], current.year);
    var week = first(iso ? iso.W : w.w, iso ? 1 : current.week);
    var weekday = dow, isBad = false;
    if (iso) {
      weekday = first(iso.E, 1);
      isBad = weekday < 1 || weekday > 7;
    } else if (!isMissing(w.d)) {
      weekday = w.d;
      isBad = weekday < 0 || weekday > 6;
    } else if (!isMissing(w.e)) {
      weekday = w.e + dow;
      isBad = w.e < 0 || w.e > 6;
    }
    if (week < 1 || week > weeksInYear(year, dow, doy)) job.flags._overflowWeeks = true;
    else if (isBad) job.flags._overflowWeekday = true;
    else {
      var day = new Date((firstWeek(year, dow, doy) + 7 * (week - 1) + modulo(weekday - dow, 7)) * DAY);
      job.parts[YEAR] = day.getUTCFullYear();
      job.dayOfYear = day.getTime() / DAY - dayNumber(day.getUTCFullYear(), 0, 1) + 1;
    }
  }

  // ------------------------------------------------- texts without a format

  var ISO_DATES = [
    [/^[-+]\d{6}-\d\d-\d\d$/, 'YYYYYY-MM-DD'], [/^\d{4}-\d\d-\d\d$/, 'YYYY-MM-DD'],
    [/^\d{4}-W\d\d-\d$/, 'GGGG-[W]WW-E'], [/^\d{4}-W\d\d$/, 'GGGG-[W]WW', true], [/^\d{4}-\d{3}$/, 'YYYY-DDD'],
    [/^\d{4}-\d\d$/, 'YYYY-MM', true], [/^[-+]\d{10}$/, 'YYYYYYMMDD'], [/^\d{8}$/, 'YYYYMMDD'],
    [/^\d{4}W\d{3}$/, 'GGGG[W]WWE'], [/^\d{4}W\d\d$/, 'GGGG[W]WW', true], [/^\d{7}$/, 'YYYYDDD']
  ];
  var ISO_TIMES = [
    [/^\d\d:\d\d:\d\d\.\d+$/, 'HH:mm:ss.SSSS'], [/^\d\d:\d\d:\d\d,\d+$/, 'HH:mm:ss,SSSS'],
    [/^\d\d:\d\d:\d\d$/, 'HH:mm:ss'], [/^\d\d:\d\d$/, 'HH:mm'], [/^\d{6}\.\d+$/, 'HHmmss.SSSS'],
    [/^\d{6},\d+$/, 'HHmmss,SSSS'], [/^\d{6}$/, 'HHmmss'], [/^\d{4}$/, 'HHmm'], [/^\d\d$/, 'HH']
  ];
  var ISO_EXTENDED = /^\s*((?:[-+]\d{6}|\d{4})-(?:\d\d-\d\d|W\d\d-\d|W\d\d|\d{3}|\d\d))(?:([T ])(\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?)([-+]\d\d(?::?\d\d)?|\s*Z)?)?$/;
  var ISO_BASIC = /^\s*((?:[-+]\d{6}|\d{4})(?:\d{4}|W\d{3}|W\d\d|\d{3}|\d\d))(?:([T ])(\d\d(?:\d\d(?:\d\d(?:[.,]\d+)?)?)?)([-+]\d\d(?::?\d\d)?|\s*Z)?)?$/;
  var NET_DATE = /^\/?Date\((-?\d+)/i;

  function formOf(table, text) {
    for (var i = 0; i < table.length; i++) if (table[i][0].test(text)) return table[i];
    return null;
  }

  function isoFormat(job) {
    var found = ISO_EXTENDED.exec(job.input) || ISO_BASIC.exec(job.input);
    if (!found) return null;
    job.flags.iso = true;
    var date = formOf(ISO_DATES, found[1]), time = found[3] && formOf(ISO_TIMES, found[3]);
    if (!date || found[3] && (!time || date[2])) return null;
    return date[1] + (time ? (found[2] || ' ') + time[1] : '') + (found[4] ? 'Z' : '');
  }

  function readISO(job) {
    var format = isoFormat(job);
    if (!format) return false;
    readFormat(job, format);
    return true;
  }

  function readText(job) {
    var net = NET_DATE.exec(job.input);
    if (net) job.ms = +net[1];
    else if (!readISO(job) && !readRFC2822(job)) {
      job.ms = new Date(job.input + (job.isUTC ? ' UTC' : '')).getTime();
    }
  }

  var RFC2822 = /^(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s)?(\d{1,2})\s(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s(\d{2,4})\s(\d\d):(\d\d)(?::(\d\d))?\s(?:(UT|GMT|[ECMP][SD]T)|([Zz])|([-+]\d{4}))$/;
  var RFC_ZONES = { UT: 0, GMT: 0, EST: -5, EDT: -4, CST: -6, CDT: -5, MST: -7, MDT: -6, PST: -8, PDT: -7 };

  function readRFC2822(job) {
    var found = RFC2822.exec(job.input.replace(/\([^)]*\)|[\n\t]/g, ' ').replace(/\s\s+/g, ' ').trim());
    if (!found) return false;
    var year = +found[4];
    if (found[4].length === 2) year += year < 50 ? 2000 : 1900;
    else if (found[4].length === 3) year += 1900;
    job.parts = [year, ENGLISH.monthsShort.indexOf(found[3]), +found[2], +found[5], +found[6]];
    if (found[7]) job.parts.push(+found[7]);
    if (found[1] && ENGLISH.weekdaysShort[new Date(utcTime.apply(null, job.parts)).getUTCDay()] !== found[1]) {
      job.flags.weekdayMismatch = true;
      job.parts = [];
      return false;
    }
    job.offset = found[8] ? 60 * RFC_ZONES[found[8]] : found[9] ? 0 :
      (found[10].charAt(0) === '-' ? -1 : 1) * (60 * found[10].slice(1, 3) + +found[10].slice(3));
    job.ms = utcTime.apply(null, job.parts) - job.offset * MINUTE;
    job.flags.rfc2822 = true;
    return true;
  }

  // ----------------------------------------------------------- format tokens

  // How a token is read: its pattern, a stricter pattern, and what to do with the text found.
  var readers = null, NUMBER = /^\d+$/;

  function part(place) {
    return function (job, text) {
      job.parts[place] = integer(text);
    };
  }

  function ofWeek(name, key, value) {
    return function (job, text) {
      (job[name] || (job[name] = {}))[key] = value ? value(text) : integer(text);
    };
  }

  function twoDigitYear(text) {
    return integer(text) + (integer(text) > 68 ? 1900 : 2000);
  }

  function shortYear(text) {
    return text.length === 2 ? twoDigitYear(text) : integer(text);
  }

  function readYear(value) {
    return function (job, text) {
      job.parts[YEAR] = value(text);
    };
  }

  function compactTime(digits, isBig) { // 304, 30405: the last pairs are minutes and seconds
    return function (job, text) {
      var cut = text.length - digits;
      job.parts[HOURS] = integer(text.slice(0, cut));
      job.parts[MINUTES] = integer(text.slice(cut, cut + 2));
      if (digits > 2) job.parts[SECONDS] = integer(text.slice(cut + 2));
      if (isBig) job.flags.bigHour = true;
    };
  }

  function fraction(job, text) {
    job.parts[MILLIS] = integer(('0.' + text) * 1000);
  }

  function readMonthName(job, text, token) {
    var month = job.locale.monthsParse(text, token, job.strict);
    if (month === null) job.flags.invalidMonth = text;
    else job.parts[MONTH] = month;
  }

  function readWeekdayName(job, text, token) {
    var day = job.locale.weekdaysParse(text, token, job.strict);
    if (day === null) job.flags.invalidWeekday = text;
    else (job.week || (job.week = {})).d = day;
  }

  function smallHour(job, text) {
    job.parts[HOURS] = integer(text);
    job.flags.bigHour = true;
  }

  function readMeridiem(job, text) {
    job.isPM = job.locale.isPM(text);
    job.meridiem = text;
  }

  function readOffset(job, text) {
    job.useUTC = true;
    job.offset = offsetIn(text, SHORT_OFFSET);
  }

  var OFFSET = /Z|[-+]\d\d:?\d\d/gi, SHORT_OFFSET = /Z|[-+]\d\d(?::?\d\d)?/gi;

  function offsetIn(text, pattern) { // minutes of the last offset in the text, null if it has none
    var all = ('' + text).match(pattern);
    if (!all) return null;
    var last = all[all.length - 1], digits = last.replace(/\D/g, '');
    var minutes = 60 * digits.slice(0, 2) + +digits.slice(2, 4);
    return last.charAt(0) === '+' ? minutes : -minutes || 0;
  }

  function makeReaders() {
    var d1 = /\d/, d2 = /\d\d/, d3 = /\d{3}/, d4 = /\d{4}/, d6 = /[-+]?\d{6}/, to2 = /\d\d?/, to3 = /\d{1,3}/;
    var to4 = /\d{1,4}/, to6 = /[-+]?\d{1,6}/, any = /\d+/, signed = /[-+]?\d+/, offset = /Z|[-+]\d\d(?::?\d\d)?/i;
    function meridiem(locale) {
      return locale._meridiemParse;
    }
    function ordinal(isStrict) {
      return function (locale) {
        return isStrict ? locale._dayOfMonthOrdinalParse || /\d{1,2}/ : locale._dayOfMonthOrdinalParseLenient;
      };
    }
    function dayOfMonthOrdinal(job, text) {
      job.parts[DATE] = integer(text.match(to2)[0]);
    }
    function dayOfYear(job, text) {
      job.dayOfYear = integer(text);
    }
    function month(job, text) {
      job.parts[MONTH] = integer(text) - 1;
    }
    function endOfDay(job, text) { // the hour 24 of a clock that has no 0
      job.parts[HOURS] = integer(text) === 24 ? 0 : integer(text);
    }
    var year = readYear(integer), word = /\d*[^\s\d!-&(-\/:-@\[-`{-~]+/;
    var table = {
      Y: [signed, signed, year], YY: [to2, d2, readYear(twoDigitYear)], YYYY: [to4, d4, readYear(shortYear)],
      YYYYY: [to6, d6, year], YYYYYY: [to6, d6, year],
      gg: [to2, d2, ofWeek('week', 'gg', twoDigitYear)], GG: [to2, d2, ofWeek('isoWeek', 'GG', twoDigitYear)],
      gggg: [to4, d4, ofWeek('week', 'gg')], GGGG: [to4, d4, ofWeek('isoWeek', 'GG')],
      ggggg: [to6, d6, ofWeek('week', 'gg')], GGGGG: [to6, d6, ofWeek('isoWeek', 'GG')],
      w: [to2, to2, ofWeek('week', 'w')], ww: [to2, d2, ofWeek('week', 'w')],
      W: [to2, to2, ofWeek('isoWeek', 'W')], WW: [to2, d2, ofWeek('isoWeek', 'W')],
      d: [to2, to2, ofWeek('week', 'd')], e: [to2, to2, ofWeek('week', 'e')], E: [to2, to2, ofWeek('isoWeek', 'E')],
      dd: [word, word, readWeekdayName], ddd: [word, word, readWeekdayName], dddd: [word, word, readWeekdayName],
      Q: [d1, d1, function (job, text) {
        job.parts[MONTH] = (integer(text) - 1) * 3;
      }],
      M: [to2, to2, month], MM: [to2, d2, month], MMM: [word, word, readMonthName],
      MMMM: [word, word, readMonthName],
      D: [to2, to2, part(DATE)], DD: [to2, d2, part(DATE)], Do: [ordinal(false), ordinal(true), dayOfMonthOrdinal],
      DDD: [to3, to3, dayOfYear], DDDD: [d3, d3, dayOfYear],
      H: [to2, to2, part(HOURS)], HH: [to2, d2, part(HOURS)], h: [to2, to2, smallHour], hh: [to2, d2, smallHour],
      k: [to2, to2, endOfDay], kk: [to2, d2, endOfDay],
      hmm: [/\d{3,4}/, /\d{3,4}/, compactTime(2, true)], hmmss: [/\d{5,6}/, /\d{5,6}/, compactTime(4, true)],
      Hmm: [/\d{3,4}/, /\d{3,4}/, compactTime(2)], Hmmss: [/\d{5,6}/, /\d{5,6}/, compactTime(4)],
      a: [meridiem, meridiem, readMeridiem], A: [meridiem, meridiem, readMeridiem],
      m: [to2, to2, part(MINUTES)], mm: [to2, d2, part(MINUTES)],
      s: [to2, to2, part(SECONDS)], ss: [to2, d2, part(SECONDS)],
      S: [to3, d1, fraction], SS: [to3, d2, fraction], SSS: [to3, d3, fraction],
      x: [signed, signed, function (job, text) {
        job.ms = integer(text);
      }],
      X: [/[-+]?\d+(\.\d{1,3})?/, /[-+]?\d+(\.\d{1,3})?/, function (job, text) {
        job.ms = truncate(parseFloat(text) * 1000);
      }],
      Z: [offset, offset, readOffset], ZZ: [offset, offset, readOffset]
    };
    for (var token = 'SSSS'; token.length < 10; token += 'S') table[token] = [any, any, fraction];
    return table;
  }

  function readFormats(job, formats) {
    var best = null;
    for (var i = 0; i < formats.length; i++) {
      var attempt = assign({}, job);
      attempt.flags = flags();
      attempt.parts = [];
      attempt.format = formats[i];
      readFormat(attempt, formats[i]);
      checkRanges(attempt);
      var score = attempt.flags.charsLeftOver + 10 * attempt.flags.unusedTokens.length;
      if (!isSound(attempt)) continue;
      attempt.flags.score = score;
      if (best === null || score < best.flags.score) best = attempt;
    }
    if (formats.length === 0) {
      job.flags.invalidFormat = true;
      job.ms = NaN;
    } else {
      assign(job, best || attempt);
    }
  }

  function readFormat(job, format) {
    if (format === ISO_8601) {
      if (typeof job.input !== 'string' || !readISO(job)) job.ms = NaN;
      return;
    }
    if (format === RFC_2822) {
      if (typeof job.input !== 'string' || !readRFC2822(job)) job.ms = NaN;
      return;
    }
    job.format = format;
    job.flags.empty = true;
    readers = readers || makeReaders();
    var rest = '' + job.input, f = job.flags, used = 0;
    var tokens = longFormat(format, job.locale).match(TOKENS) || [];
    for (var i = 0; i < tokens.length; i++) {
      var token = tokens[i], reader = has(readers, token) ? readers[token] : null;
      var pattern = reader ? reader[job.strict ? 1 : 0] : new RegExp(quoted(plain(token)));
      var found = (isFunction(pattern) && !(pattern instanceof RegExp) ? pattern(job.locale) : pattern).exec(rest);
      var text = found && found[0];
      if (text) {
        if (found.index) f.unusedInput.push(rest.slice(0, found.index));
        rest = rest.slice(found.index + text.length);
        used += text.length;
      }
      if (has(writers(), token)) {
        if (text) f.empty = false;
        else f.unusedTokens.push(token);
        if (text && reader) reader[2](job, text, token);
      } else if (job.strict && !text) {
        f.unusedTokens.push(token);
      }
    }
    f.charsLeftOver = ('' + job.input).length - used;
    if (rest) f.unusedInput.push(rest);
    if (job.parts[HOURS] <= 12 && f.bigHour && job.parts[HOURS] > 0) f.bigHour = undefined;
    f.parsedDateParts = job.parts.slice(0);
    f.meridiem = job.meridiem;
    if (!isMissing(job.meridiem)) {
      if (job.isPM && job.parts[HOURS] < 12) job.parts[HOURS] += 12;
      else if (!job.isPM && job.parts[HOURS] === 12) job.parts[HOURS] = 0;
    }
    settle(job);
    checkRanges(job);
    if (f.overflow === -2) f.overflow = -1;
  }

  // ------------------------------------------------------------------ writing

  var TOKEN_NAMES = ('YYYYYY YYYYY YYYY YY Y ggggg gggg gg GGGGG GGGG GG Hmmss Hmm hmmss hmm MMMM MMM MM Mo M DDDD ' +
    'DDDo DDD DD Do D dddd ddd dd do d wo ww w Wo WW W Qo Q e E a A hh h HH H kk k mm m ss s SSSSSSSSS SSSSSSSS ' +
    'SSSSSSS SSSSSS SSSSS SSSS SSS SS S x X zz z ZZ Z').split(' ');
  var TOKENS = new RegExp('\\[[^\\[]*\\]|\\\\?(?:' + TOKEN_NAMES.join('|') + '|.)', 'g');
  var LONG_TOKENS = /\[[^\[]*\]|\\?(?:LTS|LT|LL?L?L?|l{1,4})/g;
  var compiled = {}, compiledCount = 0;
  var writing = null;

  function plain(token) { // the text that a piece of a format stands for
    return /^\[[\s\S]*\]$/.test(token) && token.length > 1 ? token.slice(1, -1) : token.replace(/\\/g, '');
  }

  function longFormat(format, locale) {
    function expand(token) {
      return locale.longDateFormat(token) || token;
    }
    for (var i = 0; i < 5 && /LTS|LT|L{1,4}|l{1,4}/.test(format); i++) format = format.replace(LONG_TOKENS, expand);
    return format;
  }

  function writers() {
    return writing || (writing = makeWriters());
  }

  function makeWriters() {
    var table = {};
    function number(token, ordinal, value) { // token, its ordinal form, its form of two digits
      table[token] = value;
      if (ordinal) {
        table[token + 'o'] = function (m) {
          return m.localeData().ordinal(value(m), token);
        };
      }
    }
    function padded(token, width, value, signed) {
      table[token] = function (m) {
        return pad(value(m), width, signed);
      };
    }
    function getter(name) {
      return function (m) {
        return m[name]();
      };
    }
    function name(token, method) {
      table[token] = function (m, format) {
        return m.localeData()[method](m, format);
      };
    }
    function twelve(m) {
      return m.hours() % 12 || 12;
    }
    function twentyFour(m) {
      return m.hours() || 24;
    }
    function hundred(value) {
      return function (m) {
        return value(m) % 100;
      };
    }
    function offset(separator) {
      return function (m) {
        var minutes = m.utcOffset(), sign = minutes < 0 ? '-' : '+';
        minutes = abs(minutes);
        return sign + pad(~~(minutes / 60), 2) + separator + pad(~~minutes % 60, 2);
      };
    }
    var year = getter('year'), weekYear = getter('weekYear'), isoWeekYear = getter('isoWeekYear');
    var minutes = getter('minutes'), seconds = getter('seconds'), hours = getter('hours'), ms = getter('milliseconds');
    table.Y = function (m) {
      return year(m) <= 9999 ? '' + year(m) : '+' + year(m);
    };
    padded('YY', 2, hundred(year));
    padded('YYYY', 4, year);
    padded('YYYYY', 5, year);
    padded('YYYYYY', 6, year, true);
    padded('gg', 2, hundred(weekYear));
    padded('gggg', 4, weekYear);
    padded('ggggg', 5, weekYear);
    padded('GG', 2, hundred(isoWeekYear));
    padded('GGGG', 4, isoWeekYear);
    padded('GGGGG', 5, isoWeekYear);
    [['M', function (m) {
      return m.month() + 1;
    }], ['D', getter('date')], ['w', getter('week')], ['W', getter('isoWeek')], ['H', hours], ['h', twelve],
    ['k', twentyFour], ['m', minutes], ['s', seconds]].forEach(function (entry) {
      number(entry[0], 'MDwW'.indexOf(entry[0]) >= 0, entry[1]);
      padded(entry[0] + entry[0], 2, entry[1]);
    });
    number('Q', true, getter('quarter'));
    number('DDD', true, getter('dayOfYear'));
    padded('DDDD', 3, getter('dayOfYear'));
    number('d', true, getter('day'));
    number('e', false, getter('weekday'));
    number('E', false, getter('isoWeekday'));
    name('MMM', 'monthsShort');
    name('MMMM', 'months');
    name('dd', 'weekdaysMin');
    name('ddd', 'weekdaysShort');
    name('dddd', 'weekdays');
    table.hmm = function (m) {
      return '' + twelve(m) + pad(minutes(m), 2);
    };
    table.hmmss = function (m) {
      return table.hmm(m) + pad(seconds(m), 2);
    };
    table.Hmm = function (m) {
      return '' + hours(m) + pad(minutes(m), 2);
    };
    table.Hmmss = function (m) {
      return table.Hmm(m) + pad(seconds(m), 2);
    };
    table.a = function (m) {
      return m.localeData().meridiem(m.hours(), m.minutes(), true);
    };
    table.A = function (m) {
      return m.localeData().meridiem(m.hours(), m.minutes(), false);
    };
    for (var i = 1; i < 10; i++) fractionWriter(i);
    function fractionWriter(digits) {
      padded(new Array(digits + 1).join('S'), digits, function (m) {
        return digits < 3 ? ~~(ms(m) / Math.pow(10, 3 - digits)) : ms(m) * Math.pow(10, digits - 3);
      });
    }
    table.x = getter('valueOf');
    table.X = getter('unix');
    table.z = getter('zoneAbbr');
    table.zz = getter('zoneName');
    table.Z = offset(':');
    table.ZZ = offset('');
    return table;
  }

  function writerOf(format) { // the pieces of a format: texts, and functions of a moment
    if (!has(compiled, format)) {
      if (compiledCount++ > 500) {
        compiled = {};
        compiledCount = 0;
      }
      var table = writers();
      compiled[format] = (format.match(TOKENS) || []).map(function (token) {
        return has(table, token) ? table[token] : plain(token);
      });
    }
    return compiled[format];
  }

  function write(moment, format) {
    if (!moment.isValid()) return moment.localeData().invalidDate();
    format = longFormat(format, moment.localeData());
    var pieces = writerOf(format), text = '';
    for (var i = 0; i < pieces.length; i++) {
      text += isFunction(pieces[i]) ? pieces[i].call(moment, moment, format) : pieces[i];
    }
    return text;
  }

  // ------------------------------------------------------------ moment: fields

  var proto = Moment.prototype;

  function accessor(unit, name) {
    return function (value) {
      if (isMissing(value)) return field(this, name);
      assignField(this, unit, name, value);
      return this;
    };
  }

  function assignField(moment, unit, name, value) {
    if (!moment.isValid() || isNaN(value)) return;
    if (unit === 'year' && isLeap(moment.year()) && moment.month() === 1 && moment.date() === 29) {
      putField(moment, name, value, 1, daysInMonth(value, 1));
    } else {
      putField(moment, name, value);
    }
  }

  [['year', 'FullYear'], ['date', 'Date'], ['hour', 'Hours'], ['minute', 'Minutes'], ['second', 'Seconds'],
    ['millisecond', 'Milliseconds']].forEach(function (entry) {
    proto[entry[0]] = proto[entry[0] + 's'] = accessor(entry[0], entry[1]);
  });

  proto.month = proto.months = function (value) {
    if (isMissing(value)) return field(this, 'Month');
    if (!this.isValid()) return this;
    if (typeof value === 'string') {
      value = NUMBER.test(value) ? integer(value) : this.localeData().monthsParse(value);
      if (!isNumber(value)) return this;
    }
    putMonth(this, value);
    return this;
  };

  proto.quarter = proto.quarters = function (value) {
    if (isMissing(value)) return Math.ceil((this.month() + 1) / 3);
    return this.month((value - 1) * 3 + this.month() % 3);
  };

  proto.day = proto.days = function (value) {
    if (!this.isValid()) return isMissing(value) ? NaN : this;
    var day = field(this, 'Day');
    if (isMissing(value)) return day;
    if (typeof value === 'string') value = isNaN(value) ? this.localeData().weekdaysParse(value) : parseInt(value, 10);
    return this.add(value - day, 'd');
  };

  proto.weekday = function (value) {
    if (!this.isValid()) return isMissing(value) ? NaN : this;
    var weekday = modulo(this.day() - this.localeData()._week.dow, 7);
    return isMissing(value) ? weekday : this.add(value - weekday, 'd');
  };

  proto.isoWeekday = function (value) {
    if (!this.isValid()) return isMissing(value) ? NaN : this;
    if (isMissing(value)) return this.day() || 7;
    if (typeof value === 'string') value = this.localeData().weekdaysParse(value) % 7 || 7;
    else if (isNaN(value)) value = null;
    return this.day(this.day() % 7 ? value : value - 7);
  };

  proto.dayOfYear = function (value) {
    var current = dayOf(this) - dayNumber(this.year(), 0, 1) + 1;
    return isMissing(value) ? current : this.add(value - current, 'd');
  };

  function weekAccessors(weekName, yearName, rule) {
    proto[weekName] = proto[weekName + 's'] = function (value) {
      var r = rule(this), week = weekOf(dayOf(this), this.year(), r.dow, r.doy).week;
      return isMissing(value) ? week : this.add((value - week) * 7, 'd');
    };
    proto[yearName] = function (value) {
      var r = rule(this), current = weekOf(dayOf(this), this.year(), r.dow, r.doy);
      if (isMissing(value)) return current.year;
      var week = Math.min(current.week, weeksInYear(value, r.dow, r.doy));
      var inWeek = modulo(this.day() - r.dow, 7);
      var day = new Date((firstWeek(value, r.dow, r.doy) + 7 * (week - 1) + inWeek) * DAY);
      return this.year(day.getUTCFullYear()).month(day.getUTCMonth()).date(day.getUTCDate());
    };
  }

  weekAccessors('week', 'weekYear', function (moment) {
    return moment.localeData()._week;
  });
  weekAccessors('isoWeek', 'isoWeekYear', function () {
    return { dow: 1, doy: 4 };
  });

  assign(proto, {
    dates: proto.date,
    get: function (unit) {
      unit = unitOf(unit);
      return isFunction(this[unit]) ? this[unit]() : this;
    },
    set: function (unit, value) {
      if (unit !== null && typeof unit === 'object') {
        var values = unitsIn(unit), moment = this;
        Object.keys(values).sort(function (a, b) {
          return UNITS[a][1] - UNITS[b][1];
        }).forEach(function (name) {
          moment[name](values[name]);
        });
        return this;
      }
      unit = unitOf(unit);
      return isFunction(this[unit]) ? this[unit](value) : this;
    },
    daysInMonth: function () {
      return daysInMonth(this.year(), this.month());
    },
    isLeapYear: function () {
      return isLeap(this.year());
    },
    weeksInYear: function () {
      var week = this.localeData()._week;
      return weeksInYear(this.year(), week.dow, week.doy);
    },
    isoWeeksInYear: function () {
      return weeksInYear(this.year(), 1, 4);
    },

    // ------------------------------------------------------ moment: arithmetic

    add: adder(1),
    subtract: adder(-1),
    startOf: function (unit) {
      unit = unitOf(unit);
      if (unit === 'date') unit = 'day';
      var depth = ['year', 'month', 'day', 'hour', 'minute', 'second'].indexOf(
        unit === 'quarter' ? 'month' : unit === 'week' || unit === 'isoWeek' ? 'day' : unit);
      if (depth < 0) return this;
      if (depth < 1) this.month(0);
      if (depth < 2) this.date(1);
      if (depth < 3) this.hours(0);
      if (depth < 4) this.minutes(0);
      if (depth < 5) this.seconds(0);
      this.milliseconds(0);
      if (unit === 'week') this.weekday(0);
      if (unit === 'isoWeek') this.isoWeekday(1);
      if (unit === 'quarter') this.month(floor(this.month() / 3) * 3);
      return this;
    },
    endOf: function (unit) {
      unit = unitOf(unit);
      if (unit === undefined || unit === 'millisecond') return this;
      if (unit === 'date') unit = 'day';
      return this.startOf(unit).add(1, unit === 'isoWeek' ? 'week' : unit).subtract(1, 'ms');
    },
    diff: function (input, unit, isExact) {
      if (!this.isValid()) return NaN;
      var that = like(this, input);
      if (!that.isValid()) return NaN;
      var ms = this - that, result;
      var shift = (that.utcOffset() - this.utcOffset()) * MINUTE; // days and weeks are counted on the calendar
      unit = unitOf(unit);
      if (unit === 'year') result = monthsBetween(this, that) / 12;
      else if (unit === 'quarter') result = monthsBetween(this, that) / 3;
      else if (unit === 'month') result = monthsBetween(this, that);
      else if (unit === 'week') result = (ms - shift) / (7 * DAY);
      else if (unit === 'day') result = (ms - shift) / DAY;
      else if (unit === 'hour') result = ms / HOUR;
      else if (unit === 'minute') result = ms / MINUTE;
      else if (unit === 'second') result = ms / SECOND;
      else result = ms;
      return isExact ? result : truncate(result);
    },

    // ----------------------------------------------------- moment: comparisons

    isAfter: function (input, unit) {
      return compare(this, input, unit, function (first, last, other) {
        return other < first;
      });
    },
    isBefore: function (input, unit) {
      return compare(this, input, unit, function (first, last, other) {
        return last < other;
      });
    },
    isSame: function (input, unit) {
      return compare(this, input, unit, function (first, last, other) {
        return first <= other && other <= last;
      });
    },
    isSameOrAfter: function (input, unit) {
      return this.isSame(input, unit) || this.isAfter(input, unit);
    },
    isSameOrBefore: function (input, unit) {
      return this.isSame(input, unit) || this.isBefore(input, unit);
    },
    isBetween: function (from, to, unit, ends) {
      ends = ends || '()';
      return (ends.charAt(0) === '(' ? this.isAfter(from, unit) : !this.isBefore(from, unit)) &&
        (ends.charAt(1) === ')' ? this.isBefore(to, unit) : !this.isAfter(to, unit));
    },
    max: function (input) {
      var other = local.apply(null, arguments);
      return this.isValid() && other.isValid() ? other < this ? this : other : invalid();
    },
    min: function (input) {
      var other = local.apply(null, arguments);
      return this.isValid() && other.isValid() ? other > this ? this : other : invalid();
    },

    // ---------------------------------------------------------- moment: offset

    utcOffset: function (value, keepLocalTime, keepMinutes) {
      if (!this.isValid()) return isMissing(value) ? NaN : this;
      if (isMissing(value)) return offsetOf(this);
      if (typeof value === 'string') {
        value = offsetIn(value, SHORT_OFFSET);
        if (value === null) return this;
      } else if (abs(value) < 16 && !keepMinutes) {
        value *= 60;
      }
      if (keepLocalTime) this._ms += (offsetOf(this) - value) * MINUTE;
      this._offset = value;
      this._isUTC = true;
      return this;
    },
    zone: function (value, keepLocalTime) {
      if (isMissing(value)) return -this.utcOffset();
      this.utcOffset(typeof value === 'string' ? value : -value, keepLocalTime);
      return this;
    },
    utc: function (keepLocalTime) {
      return this.isValid() ? this.utcOffset(0, keepLocalTime) : this;
    },
    local: function (keepLocalTime) {
      if (!this._isUTC) return this;
      if (keepLocalTime && this.isValid()) {
        var shown = this._ms + this._offset * MINUTE;
        this._ms = shown; // the offset is looked up as if this were the instant
        this._ms -= localOffset(this) * MINUTE;
      }
      this._isUTC = false;
      this._offset = 0;
      return this;
    },
    parseZone: function () {
      if (!isMissing(this._written)) return this.utcOffset(this._written, false, true);
      if (typeof this._input === 'string') {
        var written = offsetIn(this._input, OFFSET);
        return isMissing(written) ? this.utcOffset(0, true) : this.utcOffset(written);
      }
      return this;
    },
    hasAlignedHourOffset: function (input) {
      if (!this.isValid()) return false;
      return (this.utcOffset() - (input ? local(input).utcOffset() : 0)) % 60 === 0;
    },
    isDST: function () {
      return this.utcOffset() > this.clone().month(0).utcOffset() ||
        this.utcOffset() > this.clone().month(5).utcOffset();
    },
    isDSTShifted: function () {
      if (!this.isValid() || !this._parts || !this._parts.length || !isMissing(this._written)) return false;
      var made = (this._isUTC ? utc : local)(this._parts).toArray();
      for (var i = 0; i < 7; i++) if (made[i] !== this._parts[i]) return true;
      return false;
    },
    isLocal: function () {
      return this.isValid() ? !this._isUTC : false;
    },
    isUtcOffset: function () {
      return this.isValid() ? this._isUTC : false;
    },
    isUtc: isUtc,
    isUTC: isUtc,
    zoneAbbr: function () {
      return this._isUTC ? 'UTC' : '';
    },
    zoneName: function () {
      return this._isUTC ? 'Coordinated Universal Time' : '';
    },

    // ----------------------------------------------------------- moment: output

    format: function (format) {
      return this.localeData().postformat(
        write(this, format || (this.isUtc() ? moment.defaultFormatUtc : moment.defaultFormat)));
    },
    toString: function () {
      return write(this.clone().locale('en'), 'ddd MMM DD YYYY HH:mm:ss [GMT]ZZ');
    },
    toISOString: function (keepOffset) {
      if (!this.isValid()) return null;
      var shown = keepOffset ? this : this.clone().utc(), year = shown.year(), isFar = year < 0 || year > 9999;
      // Offsets of old years have seconds, which moment.js rounds away here and keeps elsewhere.
      if (keepOffset && !isFar) shown = this.clone().utcOffset(this.utcOffset());
      return write(shown, (isFar ? 'YYYYYY' : 'YYYY') + '-MM-DD[T]HH:mm:ss.SSS' + (keepOffset ? 'Z' : '[Z]'));
    },
    toJSON: function () {
      return this.isValid() ? this.toISOString() : null;
    },
    inspect: function () {
      if (!this.isValid()) return 'moment.invalid(/* ' + this._input + ' */)';
      var kind = this.isLocal() ? 'moment' : this.utcOffset() === 0 ? 'moment.utc' : 'moment.parseZone';
      return kind + '("' + write(this, (this.year() >= 0 && this.year() <= 9999 ? 'YYYY' : 'YYYYYY') +
        '-MM-DD[T]HH:mm:ss.SSS') + (this.isLocal() ? '' : write(this, 'Z')) + '")';
    },
    toArray: function () {
      return [this.year(), this.month(), this.date(), this.hour(), this.minute(), this.second(), this.millisecond()];
    },
    toObject: function () {
      return {
        years: this.year(), months: this.month(), date: this.date(), hours: this.hours(), minutes: this.minutes(),
        seconds: this.seconds(), milliseconds: this.milliseconds()
      };
    },
    toDate: function () {
      return new Date(this.valueOf());
    },
    valueOf: function () {
      return this._ms;
    },
    unix: function () {
      return floor(this._ms / SECOND);
    },
    clone: function () {
      return copy(this);
    },
    isValid: function () {
      return this._valid;
    },
    invalidAt: function () {
      return flagsOf(this).overflow;
    },
    parsingFlags: function () {
      return assign({}, flagsOf(this));
    },
    creationData: function () {
      return {
        input: this._input, format: this._format, locale: this._locale, isUTC: this._isUTC, strict: this._strict
      };
    },
    locale: withLocale,
    localeData: function () {
      return this._locale;
    },
    lang: function (key) {
      return key === undefined ? this.localeData() : this.locale(key);
    },

    // ---------------------------------------------------------- moment: spoken

    from: function (time, withoutSuffix) {
      if (!this.isValid() || !(isMoment(time) && time.isValid() || local(time).isValid())) {
        return this.localeData().invalidDate();
      }
      return duration({ to: this, from: time }).locale(this.locale()).humanize(!withoutSuffix);
    },
    to: function (time, withoutSuffix) {
      if (!this.isValid() || !(isMoment(time) && time.isValid() || local(time).isValid())) {
        return this.localeData().invalidDate();
      }
      return duration({ from: this, to: time }).locale(this.locale()).humanize(!withoutSuffix);
    },
    fromNow: function (withoutSuffix) {
      return this.from(local(), withoutSuffix);
    },
    toNow: function (withoutSuffix) {
      return this.to(local(), withoutSuffix);
    },
    calendar: function (time, formats) {
      var reference = time || local();
      var key = moment.calendarFormat(this, like(this, reference).startOf('day')) || 'sameElse';
      var own = formats && (isFunction(formats[key]) ? formats[key].call(this, reference) : formats[key]);
      return this.format(own || this.localeData().calendar(key, this, local(reference)));
    }
  });

  function isUtc() {
    return this.isValid() ? this._isUTC && this._offset === 0 : false;
  }

  function withLocale(key) {
    if (key === undefined) return this._locale._abbr;
    var found = localeOf(key);
    if (found) this._locale = found;
    return this;
  }

  function flagsOf(moment) {
    return moment._flags || (moment._flags = flags());
  }

  function adder(sign) {
    return function (value, unit) {
      if (!isMissing(unit) && !isNaN(+unit)) { // the arguments used to have the other order
        var first = value;
        value = unit;
        unit = first;
      }
      if (typeof value === 'string') value = +value;
      var d = duration(value, unit);
      move(this, sign * halfAway(d._months), sign * halfAway(d._days), sign * d._milliseconds);
      return this;
    };
  }

  function halfAway(number) {
    return number < 0 ? -round(-number) : round(number);
  }

  function move(moment, months, days, ms) {
    if (!moment.isValid()) return;
    if (months) putMonth(moment, field(moment, 'Month') + months);
    if (days) putField(moment, 'Date', field(moment, 'Date') + days);
    if (ms) moment._ms = new Date(moment._ms + ms).getTime();
  }

  // Months from `that` to `moment`, with the part of a month as a fraction of the month it lies in.
  function monthsBetween(moment, that) {
    var whole = (that.year() - moment.year()) * 12 + that.month() - moment.month();
    var anchor = moment.clone().add(whole, 'months');
    var rest = that - anchor;
    var span = rest < 0 ? anchor - moment.clone().add(whole - 1, 'months') :
      moment.clone().add(whole + 1, 'months') - anchor;
    return -(whole + rest / span) || 0;
  }

  function compare(moment, input, unit, test) {
    var other = isMoment(input) ? input : local(input);
    if (!moment.isValid() || !other.isValid()) return false;
    unit = unitOf(unit === undefined ? 'millisecond' : unit);
    if (unit === 'millisecond') return test(moment._ms, moment._ms, other._ms);
    return test(moment.clone().startOf(unit)._ms, moment.clone().endOf(unit)._ms, other._ms);
  }

  // ----------------------------------------------------------------- duration

  var PARTS = ['years', 'quarters', 'months', 'weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds'];
  var CLOCK = /^([-+])?(?:(\d*)[. ])?(\d+):(\d+)(?::(\d+)(\.\d*)?)?$/;
  var PERIOD = /^([-+])?P(?:([-+]?[\d.,]*)Y)?(?:([-+]?[\d.,]*)M)?(?:([-+]?[\d.,]*)W)?(?:([-+]?[\d.,]*)D)?(?:T(?:([-+]?[\d.,]*)H)?(?:([-+]?[\d.,]*)M)?(?:([-+]?[\d.,]*)S)?)?$/;
  var thresholds = { ss: 44, s: 45, m: 45, h: 22, d: 26, M: 11 };
  var rounding = round;

  // Months, days and milliseconds are kept apart: none of them is a fixed number of the next.
  function Duration(given) {
    var u = unitsIn(given);
    this._valid = isDurationSound(u);
    // An invalid one amounts to nothing where it is added.
    this._milliseconds = +(u.millisecond || 0) + (u.second || 0) * SECOND + (u.minute || 0) * MINUTE +
      (u.hour || 0) * HOUR;
    this._days = +(u.day || 0) + (u.week || 0) * 7;
    this._months = +(u.month || 0) + (u.quarter || 0) * 3 + (u.year || 0) * 12;
    this._locale = localeOf();
    spread(this);
  }

  function isDurationSound(units) { // numbers of units of time; only the smallest may have a fraction
    for (var key in units) {
      if (PARTS.indexOf(key + 's') < 0 || !isMissing(units[key]) && isNaN(units[key])) return false;
    }
    var broken = false;
    for (var i = 0; i < PARTS.length; i++) {
      var value = units[PARTS[i].slice(0, -1)];
      if (!value) continue;
      if (broken) return false;
      broken = parseFloat(value) !== integer(value);
    }
    return true;
  }

  function daysToMonths(days) { // 400 years have 146097 days and 4800 months
    return days * 4800 / 146097;
  }

  function monthsToDays(months) {
    return months * 146097 / 4800;
  }

  // What `years()` ... `milliseconds()` answer: each amount carried over to the larger units.
  function spread(d) {
    var ms = d._milliseconds, days = d._days, months = d._months;
    if (!(ms >= 0 && days >= 0 && months >= 0 || ms <= 0 && days <= 0 && months <= 0)) {
      ms += awayFromZero(monthsToDays(months) + days) * DAY;
      days = months = 0;
    }
    var seconds = truncate(ms / SECOND), minutes = truncate(seconds / 60), hours = truncate(minutes / 60);
    days += truncate(hours / 24);
    var carried = truncate(daysToMonths(days));
    months += carried;
    days -= awayFromZero(monthsToDays(carried));
    d._data = {
      milliseconds: ms % 1000, seconds: seconds % 60, minutes: minutes % 60, hours: hours % 24, days: days,
      months: months % 12, years: truncate(months / 12)
    };
    return d;
  }

  function isDuration(value) {
    return value instanceof Duration;
  }

  function duration(input, key) {
    var given = input, found;
    if (isDuration(input)) given = { ms: input._milliseconds, d: input._days, M: input._months };
    else if (isNumber(input)) {
      given = {};
      given[key || 'milliseconds'] = input;
    } else if (typeof input === 'string' && (found = CLOCK.exec(input))) {
      var sign = found[1] === '-' ? -1 : 1;
      given = {
        d: integer(found[2]) * sign, h: integer(found[3]) * sign, m: integer(found[4]) * sign,
        s: integer(found[5]) * sign, ms: integer(halfAway(found[6] * 1000)) * sign
      };
    } else if (typeof input === 'string' && (found = PERIOD.exec(input))) {
      given = {};
      'yMwdhms'.split('').forEach(function (unit, i) {
        var value = found[i + 2] && parseFloat(found[i + 2].replace(',', '.'));
        given[unit] = (isNaN(value) ? 0 : value || 0) * (found[1] === '-' ? -1 : 1);
      });
    } else if (isMissing(input) || typeof input !== 'object') given = {};
    else if ('from' in input || 'to' in input) given = between(local(input.from), local(input.to));
    var result = new Duration(given);
    if (isDuration(input) && has(input, '_locale')) result._locale = input._locale;
    return result;
  }

  function between(base, other) {
    if (!base.isValid() || !other.isValid()) return { ms: 0, M: 0 };
    other = like(base, other);
    if (base.isBefore(other)) return stretch(base, other);
    var span = stretch(other, base);
    return { ms: -span.ms, M: -span.M };
  }

  function stretch(early, late) {
    var months = late.month() - early.month() + (late.year() - early.year()) * 12;
    if (early.clone().add(months, 'M').isAfter(late)) months -= 1;
    return { ms: +late - early.clone().add(months, 'M'), M: months };
  }

  function changeDuration(sign) {
    return function (input, key) {
      var other = duration(input, key);
      this._milliseconds += sign * other._milliseconds;
      this._days += sign * other._days;
      this._months += sign * other._months;
      return spread(this);
    };
  }

  assign(Duration.prototype, {
    add: changeDuration(1),
    subtract: changeDuration(-1),
    abs: function () {
      this._milliseconds = abs(this._milliseconds);
      this._days = abs(this._days);
      this._months = abs(this._months);
      for (var key in this._data) {
        if (key !== 'days') this._data[key] = abs(this._data[key]); // moment.js forgets the days
      }
      return this;
    },
    as: function (unit) {
      if (!this.isValid()) return NaN;
      unit = unitOf(unit);
      var days = this._days, months = this._months, ms = this._milliseconds;
      if (unit === 'month' || unit === 'year') {
        months += daysToMonths(days + ms / DAY);
        return unit === 'month' ? months : months / 12;
      }
      days += round(monthsToDays(months));
      if (unit === 'week') return days / 7 + ms / (7 * DAY);
      if (unit === 'day') return days + ms / DAY;
      if (unit === 'hour') return days * 24 + ms / HOUR;
      if (unit === 'minute') return days * 1440 + ms / MINUTE;
      if (unit === 'second') return days * 86400 + ms / SECOND;
      if (unit === 'millisecond') return floor(days * DAY) + ms;
      throw new Error('Unknown unit ' + unit);
    },
    get: function (unit) {
      unit = unitOf(unit);
      return this.isValid() ? this[unit + 's']() : NaN;
    },
    weeks: function () {
      return truncate(this.days() / 7);
    },
    valueOf: function () {
      if (!this.isValid()) return NaN;
      return this._milliseconds + this._days * DAY + this._months % 12 * 2592e6 +
        integer(this._months / 12) * 31536e6;
    },
    clone: function () {
      return duration(this);
    },
    isValid: function () {
      return this._valid;
    },
    humanize: function (withSuffix) {
      if (!this.isValid()) return this.localeData().invalidDate();
      var text = spoken(this, !withSuffix);
      return this.localeData().postformat(withSuffix ? this.localeData().pastFuture(+this, text) : text);
    },
    toISOString: isoDuration,
    toString: isoDuration,
    toJSON: isoDuration,
    toIsoString: isoDuration,
    locale: withLocale,
    localeData: proto.localeData,
    lang: proto.lang
  });

  ['milliseconds', 'seconds', 'minutes', 'hours', 'days', 'months', 'years'].forEach(function (name) {
    Duration.prototype[name] = function () {
      return this.isValid() ? this._data[name] : NaN;
    };
  });
  ['Milliseconds', 'Seconds', 'Minutes', 'Hours', 'Days', 'Weeks', 'Months', 'Years'].forEach(function (name) {
    Duration.prototype['as' + name] = function () {
      return this.as(name);
    };
  });

  function spoken(d, withoutSuffix) {
    var positive = duration(d).abs(), t = thresholds;
    function count(unit) {
      return rounding(positive.as(unit));
    }
    var s = count('s'), m = count('m'), h = count('h'), days = count('d'), months = count('M'), y = count('y');
    var choice = s <= t.ss ? ['s', s] : s < t.s ? ['ss', s] : m <= 1 ? ['m'] : m < t.m ? ['mm', m] :
      h <= 1 ? ['h'] : h < t.h ? ['hh', h] : days <= 1 ? ['d'] : days < t.d ? ['dd', days] :
      months <= 1 ? ['M'] : months < t.M ? ['MM', months] : y <= 1 ? ['y'] : ['yy', y];
    return d.localeData().relativeTime(choice[1] || 1, !!withoutSuffix, choice[0], +d > 0);
  }

  function isoDuration() {
    if (!this.isValid()) return this.localeData().invalidDate();
    var total = this.asSeconds();
    if (!total) return 'P0D';
    var sign = total < 0 ? '-' : '', of = this;
    function part(amount, kept, letter) { // a part whose sign differs from the whole says so
      return amount ? (of[kept] < 0 !== total < 0 ? '-' : '') + amount + letter : '';
    }
    var months = abs(this._months), seconds = abs(this._milliseconds) / 1000;
    var minutes = truncate(seconds / 60), hours = truncate(minutes / 60);
    seconds %= 60;
    minutes %= 60;
    var rest = seconds ? seconds.toFixed(3).replace(/\.?0+$/, '') : '';
    return sign + 'P' + part(truncate(months / 12), '_months', 'Y') + part(months % 12, '_months', 'M') +
      part(abs(this._days), '_days', 'D') + (hours || minutes || seconds ? 'T' : '') +
      part(hours, '_milliseconds', 'H') + part(minutes, '_milliseconds', 'M') + part(rest, '_milliseconds', 'S');
  }

  // ------------------------------------------------------------------ `moment`

  function moment(input, format, locale, strict) {
    return local(input, format, locale, strict);
  }

  function ISO_8601() {}

  function RFC_2822() {}

  function pick(items, better) {
    var list = items.length === 1 && Array.isArray(items[0]) ? items[0] : items;
    if (!list.length) return local();
    var best = list[0];
    for (var i = 1; i < list.length; i++) {
      if (!list[i].isValid() || better(list[i], best)) best = list[i];
    }
    return best;
  }

  function listed(method, count, key) { // moment.months() and its kind
    function at(format, index) {
      var sample = utc([2000, 1]);
      sample[key](index);
      return localeOf()[method](sample, format || '');
    }
    return function (format, index) {
      var shift = 0;
      if (typeof format === 'boolean') {
        shift = format ? localeOf().firstDayOfWeek() : 0;
        format = arguments[1];
        index = arguments[2];
      }
      if (isNumber(format)) {
        index = format;
        format = undefined;
      }
      if (!isMissing(index)) return at(format, (index + shift) % count);
      var all = [];
      for (var i = 0; i < count; i++) all.push(at(format, (i + shift) % count));
      return all;
    };
  }

  // In the order in which moment.js has them.
  assign(moment, {
    momentProperties: [],
    suppressDeprecationWarnings: false,
    deprecationHandler: null,
    parseTwoDigitYear: twoDigitYear,
    createFromInputFallback: function () {},
    ISO_8601: ISO_8601,
    RFC_2822: RFC_2822,
    updateOffset: function () {},
    defaultFormat: 'YYYY-MM-DDTHH:mm:ssZ',
    defaultFormatUtc: 'YYYY-MM-DDTHH:mm:ss[Z]',
    lang: globalLocale,
    langData: function (key) {
      return localeOf(key) || localeOf();
    },
    version: '2.21.0',
    fn: proto,
    min: function () {
      return pick(arguments, function (a, b) {
        return a.isBefore(b);
      });
    },
    max: function () {
      return pick(arguments, function (a, b) {
        return a.isAfter(b);
      });
    },
    now: now,
    utc: utc,
    unix: function (seconds) {
      return local(seconds * 1000);
    },
    months: listed('months', 12, 'month'),
    isDate: isDate,
    locale: globalLocale,
    invalid: invalid,
    duration: duration,
    isMoment: isMoment,
    weekdays: listed('weekdays', 7, 'day'),
    parseZone: function () {
      return local.apply(null, arguments).parseZone();
    },
    localeData: function (key) {
      return localeOf(key) || localeOf();
    },
    isDuration: isDuration,
    monthsShort: listed('monthsShort', 12, 'month'),
    weekdaysMin: listed('weekdaysMin', 7, 'day'),
    defineLocale: defineLocale,
    updateLocale: updateLocale,
    locales: function () {
      english();
      return Object.keys(locales);
    },
    weekdaysShort: listed('weekdaysShort', 7, 'day'),
    normalizeUnits: unitOf,
    relativeTimeRounding: function (value) {
      if (value === undefined) return rounding;
      if (!isFunction(value)) return false;
      rounding = value;
      return true;
    },
    relativeTimeThreshold: function (key, limit) {
      if (!has(thresholds, key)) return false;
      if (limit === undefined) return thresholds[key];
      thresholds[key] = limit;
      if (key === 's') thresholds.ss = limit - 1;
      return true;
    },
    calendarFormat: function (moment, day) {
      var days = moment.diff(day, 'days', true);
      return days < -6 ? 'sameElse' : days < -1 ? 'lastWeek' : days < 0 ? 'lastDay' : days < 1 ? 'sameDay' :
        days < 2 ? 'nextDay' : days < 7 ? 'nextWeek' : 'sameElse';
    },
    HTML5_FMT: {
      DATETIME_LOCAL: 'YYYY-MM-DDTHH:mm', DATETIME_LOCAL_SECONDS: 'YYYY-MM-DDTHH:mm:ss',
      DATETIME_LOCAL_MS: 'YYYY-MM-DDTHH:mm:ss.SSS', DATE: 'YYYY-MM-DD', TIME: 'HH:mm', TIME_SECONDS: 'HH:mm:ss',
      TIME_MS: 'HH:mm:ss.SSS', WEEK: 'YYYY-[W]WW', MONTH: 'YYYY-MM'
    }
  });
  moment.prototype = proto;
  duration.fn = Duration.prototype;
  duration.invalid = function () {
    return duration(NaN);
  };

  resetLocales();
  global.moment = moment;
})(this);
