{{%AUTOESCAPE context="HTML"}}{{>TOP}}
<h1>{{T_NOTICES_TITLE}}</h1>
<p class="lead">{{T_NOTICES_LEAD}}</p>
{{#NO_NOTICES}}<p class="empty">{{T_NOTICES_NONE}}</p>{{/NO_NOTICES}}
{{#HAS_NOTICES}}<table class="cards">
<caption>{{T_NOTICES_TITLE}}</caption>
<thead><tr><th scope="col">{{T_AWARD_TITLE}}</th><th scope="col">{{T_AWARD_ORG}}</th><th scope="col">{{T_NOTICE_PROGRAMME}}</th><th scope="col">{{T_NOTICE_LAST_DAY}}</th><th scope="col">{{T_AWARD_STATUS}}</th></tr></thead>
<tbody>
{{#NOTICE}}<tr><th scope="row"><a href="{{URL}}">{{NAME}}</a></th><td data-label="{{T_AWARD_ORG}}">{{ORG}}</td><td data-label="{{T_NOTICE_PROGRAMME}}">{{PROGRAMME}}</td><td data-label="{{T_NOTICE_LAST_DAY}}" class="num">{{LAST_DAY}}</td><td data-label="{{T_AWARD_STATUS}}">{{#OPEN}}<span class="badge open">{{T_NOTICE_REMAINING}} {{DAYS}} {{T_NOTICE_REMAINING_UNIT}}</span>{{/OPEN}}{{#OVER}}<span class="badge">{{STATUS}}</span>{{/OVER}}</td></tr>
{{/NOTICE}}</tbody>
</table>{{/HAS_NOTICES}}
{{#NEXT}}<p class="pager"><a rel="next" href="{{NEXT_URL}}">{{T_NEXT_PAGE}}</a></p>{{/NEXT}}
{{>BOTTOM}}
