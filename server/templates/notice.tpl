{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{NAME}}</h1>
{{#HAS_LEAD}}<p class="lead">{{LEAD}}</p>
{{/HAS_LEAD}}{{#ERRORS}}<div class="errors" role="alert"><h2>{{T_OBJECTION_ERRORS}}</h2><ul>{{#GENERAL}}<li>{{MESSAGE}}</li>{{/GENERAL}}{{#ERROR}}<li><a href="{{TARGET}}">{{MESSAGE}}</a></li>{{/ERROR}}</ul></div>{{/ERRORS}}
<dl class="facts"><div><dt>{{T_NOTICE_PROGRAMME}}</dt><dd>{{PROGRAMME}}</dd></div><div><dt>{{T_NOTICE_ROUND}}</dt><dd>{{ROUND}}</dd></div><div><dt>{{T_NOTICE_OPENS}}</dt><dd>{{OPENS}}</dd></div><div><dt>{{T_NOTICE_LAST_DAY}}</dt><dd>{{LAST_DAY}}</dd></div><div><dt>{{T_AWARD_STATUS}}</dt><dd>{{#REMAINING}}<span class="badge open">{{T_NOTICE_REMAINING}} {{DAYS}} {{T_NOTICE_REMAINING_UNIT}}</span>{{/REMAINING}}{{#CLOSED}}<span class="badge">{{STATUS}}</span>{{/CLOSED}}</dd></div></dl>
<p class="rule">{{T_NOTICE_RULE}}{{RULE}}{{#PROVISIONAL}} <strong>{{T_NOTICE_PROVISIONAL}}</strong>{{/PROVISIONAL}}</p>
<table><caption>{{T_NOTICE_CONTENT}}</caption><thead><tr><th scope="col">{{T_NOTICE_ITEM}}</th><th scope="col">{{T_NOTICE_VALUE}}</th></tr></thead><tbody>
{{#FIELD}}<tr><th scope="row">{{LABEL}}</th><td>{{VALUE}}</td></tr>
{{/FIELD}}</tbody></table>
<section><h2>{{T_OBJECTION_TITLE}}</h2>
{{#CLOSED}}<p class="empty">{{T_OBJECTION_OVER}}</p>{{/CLOSED}}
{{#FORM}}<p>{{T_OBJECTION_LEAD}}</p>
<form method="post" action="{{ACTION}}">
<input type="hidden" name="key" value="{{KEY}}">
<div class="field{{#OBJECTOR_WRONG}} wrong{{/OBJECTOR_WRONG}}"><label for="objector">{{T_OBJECTION_NAME}} <span class="must">{{T_REQUIRED_MARK}}</span></label><p class="hint" id="objector-hint">{{T_OBJECTION_NAME_HINT}}</p>{{#OBJECTOR_WRONG}}<p class="error" id="objector-error">{{OBJECTOR_ERROR}}</p>{{/OBJECTOR_WRONG}}<input id="objector" name="objector" value="{{OBJECTOR}}" required maxlength="60" autocomplete="name" aria-describedby="objector-hint{{#OBJECTOR_WRONG}} objector-error{{/OBJECTOR_WRONG}}"{{#OBJECTOR_WRONG}} aria-invalid="true"{{/OBJECTOR_WRONG}}></div>
<div class="field{{#CONTACT_WRONG}} wrong{{/CONTACT_WRONG}}"><label for="contact">{{T_OBJECTION_CONTACT}} <span class="must">{{T_REQUIRED_MARK}}</span></label><p class="hint" id="contact-hint">{{T_OBJECTION_CONTACT_HINT}}</p>{{#CONTACT_WRONG}}<p class="error" id="contact-error">{{CONTACT_ERROR}}</p>{{/CONTACT_WRONG}}<input id="contact" name="contact" value="{{CONTACT}}" required maxlength="60" aria-describedby="contact-hint{{#CONTACT_WRONG}} contact-error{{/CONTACT_WRONG}}"{{#CONTACT_WRONG}} aria-invalid="true"{{/CONTACT_WRONG}}></div>
<div class="field{{#REASON_WRONG}} wrong{{/REASON_WRONG}}"><label for="reason">{{T_OBJECTION_REASON}} <span class="must">{{T_REQUIRED_MARK}}</span></label><p class="hint" id="reason-hint">{{T_OBJECTION_REASON_HINT}}</p>{{#REASON_WRONG}}<p class="error" id="reason-error">{{REASON_ERROR}}</p>{{/REASON_WRONG}}<textarea id="reason" name="reason" rows="6" required maxlength="2000" aria-describedby="reason-hint{{#REASON_WRONG}} reason-error{{/REASON_WRONG}}"{{#REASON_WRONG}} aria-invalid="true"{{/REASON_WRONG}}>{{REASON}}</textarea></div>
<p><button type="submit">{{T_OBJECTION_SUBMIT}}</button></p>
</form>{{/FORM}}</section>
{{>BOTTOM}}
