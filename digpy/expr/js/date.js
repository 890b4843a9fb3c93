// A `Date` whose local time is that of the workflow, whatever zone the process runs in.
//
// `__digpy_install({zone: name, transitions: [[ms, minutes, abbreviation], ...], now: ms})` sets the zone and the
// present. An entry says: from this instant on (milliseconds since 1970 UTC) the offset is so many minutes east of
// UTC and the clock is called so; the list is sorted, its first entry is valid for everything before, and it
// reaches 2100.
//
// A value is still a real Date of the engine, so `instanceof`, `typeof` and `Object.prototype.toString` answer as
// ever; only the constructor and the methods of the prototype are ours. Follows ECMAScript 5.1, as digdag's engine
// does: an ISO text without offset is UTC even with a time, and a local time that a clock change skips or repeats
// counts with the offset that holds after the change.
(function (global) {
  'use strict';

  var Native = global.Date;
  var proto = Native.prototype;
  var timeOf = proto.getTime;
  var putTime = proto.setTime;
  var nativeNow = Native.now;
  var floor = Math.floor;
  var MINUTE = 60000;
  var HOUR = 60 * MINUTE;
  var DAY = 24 * HOUR;
  var WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  var MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

  // ---------------------------------------------------------------- calendar

  function modulo(a, b) {
    return a - b * floor(a / b);
  }

  // Days from 1970-01-01 to a date; month and day may lie outside their ranges. Years begin in March here,
  // which puts the leap day last.
  function dayNumber(year, month, day) {
    year += floor(month / 12);
    month = modulo(month, 12);
    if (month < 2) year -= 1;
    return 365 * year + floor(year / 4) - floor(year / 100) + floor(year / 400) +
      floor((153 * ((month + 10) % 12) + 2) / 5) + day - 719469;
  }

  // [year, month, day, hours, minutes, seconds, milliseconds, weekday]
  function partsOf(time) {
    var days = floor(time / DAY);
    var rest = time - days * DAY;
    var era = floor((days + 719468) / 146097);
    var ofEra = days + 719468 - era * 146097;
    var year = floor((ofEra - floor(ofEra / 1460) + floor(ofEra / 36524) - floor(ofEra / 146096)) / 365);
    var ofYear = ofEra - 365 * year - floor(year / 4) + floor(year / 100);
    var month = floor((5 * ofYear + 2) / 153);
    var day = ofYear - floor((153 * month + 2) / 5) + 1;
    return [
      year + 400 * era + (month > 9 ? 1 : 0), month > 9 ? month - 10 : month + 2, day, floor(rest / HOUR),
      floor(rest / MINUTE) % 60, floor(rest / 1000) % 60, rest % 1000, modulo(days + 4, 7)
    ];
  }

  function timeFrom(parts) {
    return dayNumber(parts[0], parts[1], parts[2]) * DAY +
      parts[3] * HOUR + parts[4] * MINUTE + parts[5] * 1000 + parts[6];
  }

  // -------------------------------------------------------------------- zone

  var zone; // {source, starts, offsets (ms), names, locals: the local time from which the offset is taken}
  var known = {};
  var present;

  function zoneFrom(name, source) {
    var starts = [], offsets = [], names = [], locals = [];
    for (var i = 0; i < source.length; i++) {
      starts[i] = source[i][0];
      offsets[i] = Math.round(source[i][1] * MINUTE);
      names[i] = source[i][2] || name;
      locals[i] = starts[i] + Math.min(offsets[i], i ? offsets[i - 1] : offsets[i]);
    }
    return { source: source, starts: starts, offsets: offsets, names: names, locals: locals };
  }

  // Index of the last element that is not above `value`; the first element has no lower bound.
  function lastUpTo(sorted, value) {
    var low = 0, high = sorted.length;
    while (high - low > 1) {
      var middle = (low + high) >> 1;
      if (sorted[middle] <= value) low = middle; else high = middle;
    }
    return low;
  }

  // The rules in force in 2100 go on for ever: a later year borrows a listed one of the same shape.
  var HORIZON = dayNumber(2100, 0, 1) * DAY;

  function isLeap(year) {
    return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  }

  function listed(time) {
    if (!(time >= HORIZON && time <= 8.65e15)) return time; // the latest a Date can be, in any zone
    var year = partsOf(time)[0], first = dayNumber(year, 0, 1);
    var like = 2072; // from here to 2099 each of the 14 shapes occurs
    while (isLeap(like) !== isLeap(year) || modulo(dayNumber(like, 0, 1) - first, 7) !== 0) like += 1;
    return time + (dayNumber(like, 0, 1) - first) * DAY;
  }

  function entryAt(time) {
    return lastUpTo(zone.starts, listed(time));
  }

  function offsetAt(time) {
    return zone.offsets[entryAt(time)];
  }

  function toLocal(time) {
    return time + offsetAt(time);
  }

  function toUTC(local) {
    return local - zone.offsets[lastUpTo(zone.locals, listed(local))];
  }

  // ----------------------------------------------------------------- parsing

  var ISO = /^([-+]\d{6}|\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?)?(Z|[-+]\d\d?:?\d\d)?)?$/;
  var LEGACY = /\([^)]*\)|(\d+):(\d+)(?::(\d+)(?:\.(\d+))?)?|([-+])(\d\d?):?(\d\d)\b(?=\s*(?:\(|$))|\d+|[a-z]+\.?|[^a-z\d]/gi;
  var ABBREVIATIONS = {
    z: 0, ut: 0, utc: 0, gmt: 0, est: -5, edt: -4, cst: -6, cdt: -5, mst: -7, mdt: -6, pst: -8, pdt: -7
  };

  function offsetFrom(text) { // in minutes
    if (text === 'Z') return 0;
    var digits = text.replace(/\D/g, '');
    return (text.charAt(0) === '-' ? -1 : 1) * (60 * digits.slice(0, -2) + +digits.slice(-2));
  }

  function parse(text) {
    text = ('' + text).replace(/^\s+|\s+$/g, '');
    var iso = ISO.exec(text);
    return iso ? parseISO(iso) : parseLegacy(text);
  }

  function parseISO(found) {
    var month = +(found[2] || 1), day = +(found[3] || 1);
    var hour = +(found[4] || 0), minute = +(found[5] || 0), second = +(found[6] || 0);
    var ms = +((found[7] || '') + '000').slice(0, 3);
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || minute > 59 || second > 59) return NaN;
    if (hour === 24 && minute + second + ms > 0) return NaN;
    return timeFrom([+found[1], month - 1, day, hour, minute, second, ms]) -
      (found[8] ? offsetFrom(found[8]) : 0) * MINUTE;
  }

  function named(names, word) {
    if (word.length < 3) return -1;
    for (var i = 0; i < names.length; i++) {
      if (names[i].toLowerCase() === word.slice(0, 3)) return i;
    }
    return -1;
  }

  // The forms that engines accept beside ISO: `Jan 2, 2016 3:04 PM`, `2 Jan 2016 03:04:05 GMT+0900 (JST)`,
  // `1/2/2016`, `2016/01/02 03:04`. Without an offset they are local.
  function parseLegacy(text) {
    var numbers = [], clock = null, month = -1, offset = null, half = '', piece;
    LEGACY.lastIndex = 0;
    while ((piece = LEGACY.exec(text)) !== null) {
      var word = piece[0].toLowerCase();
      if (piece[1] !== undefined) {
        if (clock) return NaN;
        clock = [+piece[1], +piece[2], +(piece[3] || 0), +((piece[4] || '') + '000').slice(0, 3)];
      } else if (piece[5] !== undefined && clock) {
        offset = (piece[5] === '-' ? -1 : 1) * (60 * piece[6] + +piece[7]);
      } else if (piece[5] !== undefined) {
        numbers.push(piece[6] + piece[7]);
      } else if (/^\d/.test(word)) {
        numbers.push(word);
      } else if (/^[a-z]/.test(word)) {
        word = word.replace('.', '');
        if (word === 'am' || word === 'pm') half = word;
        else if (ABBREVIATIONS.hasOwnProperty(word)) offset = 60 * ABBREVIATIONS[word];
        else if (named(MONTHS, word) >= 0 && month < 0) month = named(MONTHS, word);
        else if (named(WEEKDAYS, word) < 0) return NaN;
      } else if (!/^[-\s,.\/(]/.test(word)) {
        return NaN;
      }
    }
    var date = legacyDate(numbers, month, clock);
    if (!date) return NaN;
    var time = legacyClock(clock || [0, 0, 0, 0], half);
    if (!time) return NaN;
    var result = timeFrom(date.concat(time));
    return offset === null ? toUTC(result) : result - offset * MINUTE;
  }

  function legacyDate(numbers, month, clock) {
    var year, day;
    if (month >= 0) { // one of the two numbers is the day
      if (numbers.length < 1 || numbers.length > 2) return null;
      var yearFirst = numbers[0].length > 2;
      year = numbers.length > 1 || yearFirst ? numbers[yearFirst ? 0 : 1] : '2000';
      day = numbers.length > 1 ? +numbers[yearFirst ? 1 : 0] : yearFirst ? 1 : +numbers[0];
    } else if (numbers.length === 0 && clock) {
      year = '2000';
      month = 0;
      day = 1;
    } else if (numbers.length === 3) {
      var isYearFirst = numbers[0].length > 2;
      year = numbers[isYearFirst ? 0 : 2];
      month = numbers[isYearFirst ? 1 : 0] - 1;
      day = +numbers[isYearFirst ? 2 : 1];
    } else if (numbers.length === 1 && numbers[0].length > 4) {
      year = numbers[0];
      month = 0;
      day = 1;
    } else {
      return null;
    }
    if (year.length > 6 || month > 11 || month < 0 || day < 1 || day > 31) return null;
    return [year.length > 2 ? +year : +year + (year < 50 ? 2000 : 1900), month, day];
  }

  function legacyClock(clock, half) {
    var hour = clock[0];
    if (half) {
      if (hour < 1 || hour > 12) return null;
      hour = hour % 12 + (half === 'pm' ? 12 : 0);
    }
    if (hour > 24 || clock[1] > 59 || clock[2] > 59) return null;
    return [hour, clock[1], clock[2], clock[3]];
  }

  // ------------------------------------------------------------- constructor

  function now() {
    return present === undefined ? nativeNow() : present;
  }

  function timeFromArguments(given) {
    var parts = [0, 0, 1, 0, 0, 0, 0];
    for (var i = 0; i < 7 && i < given.length; i++) {
      var value = Number(given[i]);
      if (!isFinite(value)) return NaN;
      parts[i] = value < 0 ? Math.ceil(value) : floor(value);
    }
    if (parts[0] >= 0 && parts[0] <= 99) parts[0] += 1900;
    return timeFrom(parts);
  }

  function timeFromValue(value) {
    if (value instanceof Native) return timeOf.call(value);
    if (value !== null && typeof value === 'object') {
      var plain = value.valueOf();
      value = plain !== null && typeof plain === 'object' ? String(value) : plain;
    }
    return typeof value === 'string' ? parse(value) : Number(value);
  }

  function Date(year, month, day, hours, minutes, seconds, milliseconds) {
    if (!(this instanceof Date)) return new Native(now()).toString();
    var count = arguments.length;
    var made = new Native(
      count === 0 ? now() : count === 1 ? timeFromValue(year) : toUTC(timeFromArguments(arguments))
    );
    var wanted = Object.getPrototypeOf(this);
    if (wanted !== proto && Object.setPrototypeOf) Object.setPrototypeOf(made, wanted); // a subclass
    return made;
  }

  Date.prototype = proto;
  proto.constructor = Date;

  function hidden(object, name, value) {
    Object.defineProperty(object, name, { value: value, writable: true, enumerable: false, configurable: true });
  }

  hidden(Date, 'now', now);
  hidden(Date, 'parse', parse);
  hidden(Date, 'UTC', function UTC() {
    return timeOf.call(new Native(timeFromArguments(arguments)));
  });

  // ------------------------------------------------------ getters and setters

  function getter(index, local) {
    return function () {
      var time = timeOf.call(this);
      return isNaN(time) ? NaN : partsOf(local ? toLocal(time) : time)[index];
    };
  }

  function setter(index, count, local) {
    return function () {
      var time = timeOf.call(this);
      if (isNaN(time) && index > 0) return NaN;
      var parts = partsOf(isNaN(time) ? 0 : local ? toLocal(time) : time);
      for (var i = 0; i === 0 || (i < count && i < arguments.length); i++) {
        var value = Number(arguments[i]);
        if (!isFinite(value)) return putTime.call(this, NaN);
        parts[index + i] = value < 0 ? Math.ceil(value) : floor(value);
      }
      time = timeFrom(parts);
      return putTime.call(this, local ? toUTC(time) : time);
    };
  }

  ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds', 'Milliseconds', 'Day'].forEach(function (name, index) {
    hidden(proto, 'get' + name, getter(index, true));
    hidden(proto, 'getUTC' + name, getter(index, false));
    if (name === 'Day') return;
    var count = index < 3 ? 3 - index : 7 - index; // a setter also takes the smaller units of its half
    hidden(proto, 'set' + name, setter(index, count, true));
    hidden(proto, 'setUTC' + name, setter(index, count, false));
  });

  hidden(proto, 'getYear', function getYear() {
    return this.getFullYear() - 1900;
  });
  hidden(proto, 'setYear', function setYear(year) {
    year = Number(year);
    return this.setFullYear(year >= 0 && year < 100 ? 1900 + floor(year) : year);
  });
  hidden(proto, 'getTimezoneOffset', function getTimezoneOffset() {
    var time = timeOf.call(this);
    return isNaN(time) ? NaN : -offsetAt(time) / MINUTE || 0;
  });

  // -------------------------------------------------------------------- text

  function pad(number, width) {
    var digits = '' + Math.abs(number);
    while (digits.length < width) digits = '0' + digits;
    return (number < 0 ? '-' : '') + digits;
  }

  function dateText(p) {
    return WEEKDAYS[p[7]] + ' ' + MONTHS[p[1]] + ' ' + pad(p[2], 2) + ' ' + pad(p[0], 4);
  }

  function clockText(p) {
    return pad(p[3], 2) + ':' + pad(p[4], 2) + ':' + pad(p[5], 2);
  }

  function zoneText(time) {
    var offset = offsetAt(time), minutes = floor(Math.abs(offset) / MINUTE);
    return 'GMT' + (offset < 0 ? '-' : '+') + pad(floor(minutes / 60), 2) + pad(minutes % 60, 2) +
      ' (' + zone.names[entryAt(time)] + ')';
  }

  function texts(names, write, local) {
    names.forEach(function (name) {
      hidden(proto, name, function () {
        var time = timeOf.call(this);
        return isNaN(time) ? 'Invalid Date' : write(partsOf(local ? toLocal(time) : time), time);
      });
    });
  }

  texts(['toString', 'toLocaleString'], function (p, time) {
    return dateText(p) + ' ' + clockText(p) + ' ' + zoneText(time);
  }, true);
  texts(['toTimeString'], function (p, time) {
    return clockText(p) + ' ' + zoneText(time);
  }, true);
  texts(['toDateString'], dateText, true);
  texts(['toLocaleDateString'], function (p) {
    return pad(p[0], 4) + '-' + pad(p[1] + 1, 2) + '-' + pad(p[2], 2);
  }, true);
  texts(['toLocaleTimeString'], clockText, true);
  texts(['toUTCString', 'toGMTString'], function (p) {
    return WEEKDAYS[p[7]] + ', ' + pad(p[2], 2) + ' ' + MONTHS[p[1]] + ' ' + pad(p[0], 4) + ' ' + clockText(p) +
      ' GMT';
  }, false);

  hidden(proto, 'toISOString', function toISOString() {
    var time = timeOf.call(this);
    if (isNaN(time)) throw new RangeError('time value is not a finite number');
    var p = partsOf(time);
    var year = p[0] < 0 ? '-' + pad(-p[0], 6) : p[0] > 9999 ? '+' + pad(p[0], 6) : pad(p[0], 4);
    return year + '-' + pad(p[1] + 1, 2) + '-' + pad(p[2], 2) + 'T' + clockText(p) + '.' + pad(p[6], 3) + 'Z';
  });
  hidden(proto, 'toJSON', function toJSON() {
    var time = this.valueOf();
    return typeof time === 'number' && !isFinite(time) ? null : this.toISOString();
  });

  // `'' + date` gives the number of milliseconds in digdag's engine, not the text of newer ones.
  if (typeof Symbol === 'function' && Symbol.toPrimitive) {
    Object.defineProperty(proto, Symbol.toPrimitive, {
      value: function (hint) {
        return hint === 'string' ? this.toString() : this.valueOf();
      },
      configurable: true
    });
  }

  // ----------------------------------------------------------------- install

  zone = known.UTC = zoneFrom('UTC', [[-8.64e15, 0]]);

  global.__digpy_install = function (settings) {
    var found = known[settings.zone];
    if (!found || found.source !== settings.transitions) {
      found = known[settings.zone] = zoneFrom(settings.zone, settings.transitions);
    }
    zone = found;
    present = settings.now;
  };
  global.__digpy_install.Date = Date; // for moment.js
  global.Date = Date;
})(this);
